"""The steps of a deployment on disk: each transaction once, whatever ends the process between two of them."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ledger.chain.abi import error_of
from ledger.chain.artifacts import load
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import CONTRACT, ChainConfig, UnableToDeploy, read_document, write_document
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.transaction import Signed, created_by

INTENT_FORMAT = "worldloom/deployment-intent/2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction: it creates `contract`, or, where `to` is given, calls it. `name` is its place in the record."""

    name: str
    contract: str
    data: bytes
    to: str | None = None


class Work:
    """The steps that are done and the one under way, on disk; `done` is by the step's name."""

    def __init__(self, config: ChainConfig, rpc: JsonRpc, chain_id: int, patience: Patience, stamp: str) -> None:
        self.config, self.rpc, self.chain_id, self.stamp = config, rpc, chain_id, stamp
        self.path: Path = config.folder / "suite.intent.json"
        self.done: dict[str, dict[str, Any]] = {}
        self._patience = patience
        self._asked: dict[str, Any] = {}
        self._under_way: dict[str, Any] | None = None

    @property
    def pages(self) -> str:
        """Return what the URI of a token begins with, as the first process was told."""
        return str(self._asked["pages"])

    def begin(self, asked: dict[str, Any], former: dict[str, Any] | None) -> None:
        """Go on where an earlier process ended, or begin with what stays of what is recorded."""
        self._asked = {**asked, "tokens": [list(pair) for pair in asked["tokens"]]}
        intent = read_document(self.path)
        has_begun = intent is not None and intent.get("format") == INTENT_FORMAT
        if intent and has_begun and (intent["done"] or intent["under_way"]):
            # A laptop may have another port by now; tokens that are made already have the first one's pages.
            self._asked["pages"] = intent["asked"].get("pages")
            if intent["chain_id"] != self.chain_id or intent["asked"] != self._asked:
                raise self._contradiction("is of a deployment to another chain or with other accounts")
            self.done, self._under_way = intent["done"], intent["under_way"]
            if gone := [name for name, it in self.done.items() if it["artifact"] and not self._code(it["address"])]:
                raise self._contradiction(f"says that {gone[0]} is there, and it is not")
        elif former is not None:
            self.done = {name: it for name, it in former["contracts"].items() if name not in asked["replace"]}
        elif (known := self.config.deployment()) is not None:
            self._keep_anchor(asdict(known))
        self._save()

    def _keep_anchor(self, known: dict[str, Any]) -> None:
        chain_id, address = known.pop("chain_id"), known.pop("contract")
        if chain_id != self.chain_id or not self._code(address):
            raise UnableToDeploy(
                f"{address} is recorded on chain {chain_id}, and {self.rpc.place} has nothing there on chain "
                f"{self.chain_id}: move {self.config.record().name} away to deploy anew"
            )
        self.done[CONTRACT] = {"address": address, **known}

    def do(self, step: Step, *, role: str = "anchorer") -> dict[str, Any]:
        """Return what is known of a step, having carried it out unless it was."""
        if step.name in self.done:
            return self.done[step.name]
        sender = Sender(self.rpc, key=self.config.key(role), chain_id=self.chain_id, patience=self._patience)
        try:
            signed, address = self._send(step, sender)
            receipt = sender.wait(signed)
        except RpcRefusal as refusal:
            told = error_of(step.contract, refusal.data)
            reason = f"{told[0]}{told[1]}" if told else str(refusal)
            raise UnableToDeploy(f"{self.rpc.place} refuses {step.name}: {reason}", step.contract) from refusal
        if receipt.get("status") != "0x1":
            self._under_way = None
            self._save()
            raise UnableToDeploy(f"transaction 0x{signed.digest.hex()} failed", step.contract)
        artifact = None if step.to else load(step.contract)
        if artifact is not None:
            self._check_code(address, step.contract)
        self.done[step.name] = {
            "address": address,
            "transaction": "0x" + signed.digest.hex(),
            "block_number": self.rpc.as_number(receipt.get("blockNumber"), "blockNumber"),
            "artifact": artifact.digest if artifact else "",
            "deployed_at": self.stamp,
        }
        self._under_way = None
        self._save()
        return self.done[step.name]

    def _send(self, step: Step, sender: Sender) -> tuple[Signed, str]:
        """Send a step, or find the one that a process sent before it died; return it and the contract's address."""
        for _ in range(sender.attempts):
            if self._under_way is None or self._under_way["name"] != step.name:
                signed, nonce = sender.prepare(to=step.to, data=step.data)
                self._under_way = {
                    "name": step.name,
                    "raw": signed.raw.hex(),
                    "digest": signed.digest.hex(),
                    "address": step.to or created_by(sender.address, nonce),
                }
                self._save()
            known = self._under_way
            signed = Signed(bytes.fromhex(known["raw"]), bytes.fromhex(known["digest"]))
            if sender.receipt(signed.digest) is not None:
                return signed, known["address"]
            try:
                sender.send(signed)
            except NonceTaken as taken:
                if sender.receipt(signed.digest) is None and "already" not in str(taken).lower():
                    # Another transaction has this nonce for good: this one can never be mined.
                    self._under_way = None
                    sender.pause()
                    continue
            return signed, known["address"]
        raise ChainUnavailable("other transactions of the same key keep coming first")

    def _save(self) -> None:
        document = {"format": INTENT_FORMAT, "chain_id": self.chain_id, "asked": self._asked, "done": self.done}
        write_document(self.path, {**document, "under_way": self._under_way})

    def _check_code(self, address: str, contract: str) -> None:
        found = self._code(address)
        if not found:
            # Behind one name there may be many nodes, of which some lag: what is mined is not sent again for that.
            raise ChainUnavailable(f"{self.rpc.place} says that {contract} was created, and does not show it yet")
        if not load(contract).is_code(found):
            raise UnableToDeploy(f"at {address} is something else than contracts/abi/{contract}.json", contract)

    def _code(self, address: str) -> bytes:
        return self.rpc.data("eth_getCode", address, "latest")

    def _contradiction(self, what: str) -> UnableToDeploy:
        return UnableToDeploy(f"{self.path.name} {what}: move it away to begin anew")
