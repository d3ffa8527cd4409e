"""What anybody may know of our contracts: where they stand, what they were built from, who may do what in them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.chain.artifacts import load
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, read_document
from ledger.chain.jsonrpc import RpcRefusal
from ledger.chain.suite import CONTRACTS, Token, read_suite
from ledger.chain.transaction import keccak
from ledger.chain_models import ChainCall, ChainDue
from ledger.chain_queries import Standing, standings_of
from ledger.models import AnchorReceipt

ASK_SECONDS = 2
ASK_AGAIN_SECONDS = 60
_ANCHOR = CONTRACTS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """A contract: its 0x address, the transaction and block that made it, SHA-256 of its sources, hex."""

    name: str
    address: str
    transaction: str
    block_number: int
    source_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """One deployment; `accounts` are 0x addresses by role, empty where only the anchor was recorded.

    `former` are contracts that others have followed, as (name, address): what they hold stays there.
    """

    chain_id: int
    contracts: tuple[ContractFacts, ...]
    accounts: Mapping[str, str]
    tokens: tuple[Token, ...]
    former: tuple[tuple[str, str], ...]
    deployed_at: str


@dataclass(frozen=True, slots=True)
class Code:
    """The Keccak-256 of the code at an address, 0x hex as EXTCODEHASH has it, and whether it is what was built."""

    keccak: str
    is_ours: bool


def facts() -> ChainFacts | None:
    """Return what the deployment recorded, None before there is one; ChainUnavailable for a record that is none."""
    config = ChainConfig.from_settings()
    document = read_document(config.record())
    if document is None:
        return None
    anchor = config.deployment()
    assert anchor is not None
    if "contracts" not in document:
        only = {"address": anchor.contract, "transaction": anchor.transaction, "block_number": anchor.block_number}
        return ChainFacts(
            chain_id=anchor.chain_id,
            contracts=(_contract(_ANCHOR, only),),
            accounts={},
            tokens=(),
            former=(),
            deployed_at=anchor.deployed_at,
        )
    try:
        suite = read_suite(document)
        return ChainFacts(
            chain_id=suite.chain_id,
            contracts=tuple(_contract(name, document["contracts"][name]) for name in CONTRACTS),
            accounts={str(role): str(address) for role, address in document["accounts"].items()},
            tokens=tuple(suite.tokens.values()),
            former=suite.former,
            deployed_at=str(document["deployed_at"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ChainUnavailable(f"{config.record()} is not a document of a deployment") from None


def _contract(name: str, told: Mapping[str, Any]) -> ContractFacts:
    return ContractFacts(
        name=name,
        address=str(told["address"]),
        transaction=str(told["transaction"]),
        block_number=int(told["block_number"]),
        source_sha256=load(name).source_sha256,
    )


# Code on a chain never changes, so what was read once is kept; a chain that was silent is left alone for a minute.
_read: dict[tuple[Any, ...], dict[str, Code]] = {}
_silent: dict[tuple[Any, ...], float] = {}


def codes(known: ChainFacts) -> dict[str, Code]:
    """Return the code of each contract by name, as the chain has it; empty while the chain does not answer.

    Asks the network, for two seconds at most, once for each deployment.
    """
    key = (known.chain_id, *(contract.address for contract in known.contracts))
    if key in _read:
        return _read[key]
    if time.monotonic() < _silent.get(key, 0):
        return {}
    try:
        found = _ask(known)
    except (ChainUnavailable, RpcRefusal):
        _silent[key] = time.monotonic() + ASK_AGAIN_SECONDS
        return {}
    _read[key] = found
    return found


def _ask(known: ChainFacts) -> dict[str, Code]:
    rpc = ChainConfig.from_settings().rpc(timeout_seconds=ASK_SECONDS)
    asked = [("eth_getCode", contract.address, "latest") for contract in known.contracts]
    chain_id, *told = rpc.batch([("eth_chainId",), *asked])
    if rpc.as_number(chain_id, "eth_chainId") != known.chain_id:
        raise ChainUnavailable(f"{rpc.place} serves another chain")
    found = {}
    for contract, answer in zip(known.contracts, told, strict=True):
        code = rpc.as_bytes(answer, "eth_getCode")
        found[contract.name] = Code("0x" + keccak(code).hex(), load(contract.name).is_code(code))
    return found


def newest_calls(chain_id: int, *, limit: int) -> list[tuple[ChainCall, Standing]]:
    """Return what we last asked this chain to do, the newest first, each with where it stands."""
    calls = list(ChainCall.objects.filter(chain_id=chain_id).order_by("-id")[:limit])
    return list(zip(calls, standings_of(calls), strict=True))


def newest_anchors(chain_id: int, *, limit: int) -> list[AnchorReceipt]:
    """Return the anchors of the log that were mined last on this chain, with their checkpoints, the newest first."""
    rows = AnchorReceipt.objects.filter(intent__chain_id=chain_id).select_related("intent__checkpoint")
    return list(rows.order_by("-id")[:limit])


def open_calls(chain_id: int) -> int:
    """Return how many calls are not final yet: waiting, sent, or not deep enough in the chain."""
    return ChainDue.objects.filter(call__chain_id=chain_id).count()
