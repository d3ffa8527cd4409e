"""The chain adapter: ProvenanceAnchor over JSON-RPC, the same for the embedded chain, anvil and any public one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.account import RpcAccount
from ledger.chain.base import ChainIdentity, ChainUnavailable, Receipt
from ledger.chain.deployment import (
    CONTRACT,
    ChainConfig,
    Deployment,
    UnableToDeploy,
    checked_address,
    deploy_anchor,
)
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.transaction import keccak

__all__ = ["ChainConfig", "Deployment", "EvmChain", "UnableToDeploy", "deploy_anchor"]


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What `anchorOf` returns for a known root."""

    anchored_at: int
    block_number: int
    size: int
    seq: int


class EvmChain:
    """ProvenanceAnchor on one chain. Nothing is read or sent before the first question."""

    def __init__(self, *, config: ChainConfig | None = None) -> None:
        """Take everything from Django's settings unless told otherwise."""
        self._given = config

    def identity(self) -> ChainIdentity:
        """Return the chain and the contract that holds the anchors, as recorded or, without a record, as asked."""
        config = self._config()
        if config.contract:
            _, identity = self._connect()
            return identity
        return _recorded(config)

    def account(self, role: str) -> RpcAccount:
        """Return the key of a role on the chain that the endpoint serves."""
        config = self._config()
        return RpcAccount(config.rpc(), key=config.key(role))

    def watched(self, address: str) -> RpcAccount:
        """Return an account that looks and hands over, and cannot sign."""
        return RpcAccount(self._config().rpc(), address=address)

    def find(self, *, root: bytes) -> Receipt | None:
        """Return the receipt of the anchor of `root` when the chain has one, whoever sent it."""
        rpc, identity = self._connect()
        found = self._anchored(rpc, identity, root)
        return None if found is None else self._receipt(rpc, identity, root, found)

    def verify_inclusion(self, *, root: bytes, leaf_hash: bytes, index: int, proof: Sequence[bytes]) -> bool:
        """Ask the contract whether a leaf is in an anchored tree, by RFC 9162, section 2.1.3.2."""
        rpc, identity = self._connect()
        data = _selector("verifyInclusion(bytes32,bytes32,uint64,bytes32[])")
        data += root + leaf_hash + _uint(index) + _uint(128) + _uint(len(proof)) + b"".join(proof)
        return int.from_bytes(self._view(rpc, identity, data, words=1), "big") == 1

    def head(self) -> bytes:
        """Return the 32-byte head of the contract's history; docs/formats/anchor.md says how to replay it."""
        rpc, identity = self._connect()
        return self._view(rpc, identity, _selector("head()"), words=1)

    def _config(self) -> ChainConfig:
        return self._given or ChainConfig.from_settings()

    def _connect(self) -> tuple[JsonRpc, ChainIdentity]:
        """Return the endpoint and the contract, having checked that the endpoint serves that contract's chain."""
        config = self._config()
        rpc = config.rpc()
        try:
            served = rpc.number("eth_chainId")
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"{rpc.place} does not say which chain it serves: {refusal}") from refusal
        if config.contract:
            identity = ChainIdentity(chain_id=served, contract=checked_address(config.contract))
        else:
            identity = _recorded(config)
        if identity.chain_id != served:
            raise ChainUnavailable(
                f"{rpc.place} serves chain {served}, but the contract was deployed on chain {identity.chain_id}"
            )
        return rpc, identity

    def _view(self, rpc: JsonRpc, identity: ChainIdentity, data: bytes, *, words: int) -> bytes:
        try:
            answer = rpc.data("eth_call", {"to": identity.contract, "data": "0x" + data.hex()}, "latest")
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"{rpc.place} cannot read {identity.contract}: {refusal}") from refusal
        if len(answer) != 32 * words:
            raise ChainUnavailable(f"at {identity.contract} on chain {identity.chain_id} there is no {CONTRACT}")
        return answer

    def _anchored(self, rpc: JsonRpc, identity: ChainIdentity, root: bytes) -> _Anchored | None:
        answer = self._view(rpc, identity, _selector("anchorOf(bytes32)") + root, words=4)
        found = _Anchored(*(int.from_bytes(answer[place : place + 32], "big") for place in range(0, 128, 32)))
        return found if found.seq else None

    def _receipt(self, rpc: JsonRpc, identity: ChainIdentity, root: bytes, found: _Anchored) -> Receipt:
        """Return the receipt of an anchor whoever sent it, checked as those of our own transactions are."""
        log = self._log(rpc, identity, root, found.block_number)
        digest = "0x" + rpc.as_bytes(log.get("transactionHash"), "transactionHash").hex()
        (answer,) = rpc.batch([("eth_getTransactionReceipt", digest)])
        if isinstance(answer, RpcRefusal):
            raise ChainUnavailable(f"{rpc.place} does not give the receipt of {digest}: {answer}")
        sender = str(rpc.as_object(answer, "eth_getTransactionReceipt").get("from"))
        account = RpcAccount(rpc, address=sender)
        (seen,) = account.seen([digest], account.moment(depth=1))
        if seen is None or not seen.success or seen.block_time != found.anchored_at:
            raise ChainUnavailable(f"{rpc.place} gives a receipt of {digest} that does not fit the anchor")
        return Receipt(
            transaction=digest,
            block_number=seen.block_number,
            block_time=seen.block_time,
            chain_id=identity.chain_id,
            contract=identity.contract,
            gas_used=seen.gas_used,
        )

    def _log(self, rpc: JsonRpc, identity: ChainIdentity, root: bytes, block_number: int) -> dict[str, Any]:
        """Return the event of an anchored root: from its block, or where block numbers are not the chain's own
        (on some rollups the EVM sees the layer below), from all since the deployment."""
        record = self._config().deployment()
        since = record.block_number if record and record.contract == identity.contract else 0
        topics = ["0x" + keccak(b"CheckpointAnchored(bytes32,bytes32,bytes32)").hex(), "0x" + root.hex()]
        for first, last in ((hex(block_number), hex(block_number)), (hex(since), "latest")):
            wanted = {"address": identity.contract, "topics": topics, "fromBlock": first, "toBlock": last}
            try:
                logs = rpc.call("eth_getLogs", wanted)
            except RpcRefusal as refusal:
                raise ChainUnavailable(f"{rpc.place} does not give the anchor's event: {refusal}") from refusal
            if isinstance(logs, list) and logs:
                return rpc.as_object(logs[0], "eth_getLogs")
        raise ChainUnavailable(f"{rpc.place} knows the anchor of {root.hex()}, but not its event")


def _recorded(config: ChainConfig) -> ChainIdentity:
    record = config.deployment()
    if record is None:
        raise ChainUnavailable(f"no {CONTRACT} is deployed yet; manage.py chain_deploy does that")
    return ChainIdentity(chain_id=record.chain_id, contract=checked_address(record.contract))


def _selector(text: str) -> bytes:
    return keccak(text.encode())[:4]


def _uint(value: int) -> bytes:
    return value.to_bytes(32, "big")
