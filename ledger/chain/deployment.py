"""Which chain, which key, which contract: from settings or from the embedded chain's folder; and putting it there."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger.chain.artifacts import Artifact, load
from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.suite import FORMAT as SUITE_FORMAT
from ledger.chain.transaction import Signed, address_of, checksummed, created_by

CONTRACT = "ProvenanceAnchor"
FORMAT = "worldloom/deployment/1"
ROLES = ("anchorer", "keeper", "registrar", "settler", "offers", "guardian", "admin")
"""Who sends or signs for us; each has the one key unless settings say otherwise."""


class UnableToDeploy(Exception):
    """The contract could not be put on the chain, or what is recorded does not fit what is there."""

    code = "unable-to-deploy"

    def __init__(self, reason: str, contract: str = CONTRACT) -> None:
        super().__init__(reason, contract)
        self.reason = reason
        self.contract = contract

    def __str__(self) -> str:
        return f"The contract {self.contract} cannot be deployed: {self.reason}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A contract on a chain; `artifact` is the hex SHA-256 of the artifact's file, `deployed_at` RFC 3339 in UTC."""

    chain_id: int
    contract: str
    transaction: str
    block_number: int
    artifact: str
    deployed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """Where to look; an empty value means the embedded chain's file in `folder`. Files are read when asked for.

    `key_files` are by role, for the roles that do not share `key_file`; `record_file` is what a deployment recorded.
    """

    folder: Path
    rpc_url: str = ""
    key_file: str = ""
    contract: str = ""
    record_file: str = ""
    key_files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_settings(cls) -> "ChainConfig":
        """Read CHAIN_RPC_URL, CHAIN_KEY_FILE, CHAIN_KEY_FILES, CHAIN_ANCHOR_ADDRESS, CHAIN_SUITE and DATA_FOLDER."""
        from django.conf import settings

        return cls(
            folder=Path(settings.DATA_FOLDER) / "chain",
            rpc_url=settings.CHAIN_RPC_URL,
            key_file=str(settings.CHAIN_KEY_FILE),
            contract=settings.CHAIN_ANCHOR_ADDRESS,
            record_file=settings.CHAIN_SUITE,
            key_files=settings.CHAIN_KEY_FILES,
        )

    def rpc(self, *, timeout_seconds: float = 15) -> JsonRpc:
        """Return the endpoint; the embedded chain has another port after each start."""
        if self.rpc_url:
            return JsonRpc(self.rpc_url, timeout_seconds=timeout_seconds)
        try:
            return JsonRpc((self.folder / "endpoint").read_text().strip(), timeout_seconds=timeout_seconds)
        except OSError:
            raise ChainUnavailable(f"the embedded chain is not running in {self.folder}") from None

    def key(self, role: str = "anchorer") -> bytes:
        """Return the 32-byte private key that sends or signs for a role, one of ROLES; ValueError for another word."""
        if role not in ROLES:
            raise ValueError(f"{role!r} is no role")
        name = self.key_files.get(role) or self.key_file
        path = Path(name) if name else self.folder / "dev.key"
        try:
            key = bytes.fromhex(path.read_text().strip().removeprefix("0x"))
            address_of(key)
        except OSError as fault:
            raise ChainUnavailable(f"the key file {path} cannot be read: {fault.strerror}") from None
        except ValueError:
            raise ChainUnavailable(f"the key file {path} does not hold a private key in hexadecimal") from None
        return key

    def record(self) -> Path:
        """Return where a deployment is recorded."""
        return Path(self.record_file) if self.record_file else self.folder / "deployment.json"

    def deployment(self) -> Deployment | None:
        """Return what was recorded of the anchor, by itself or among the suite, or None before it was deployed."""
        document = read_document(self.record())
        if document is None:
            return None
        try:
            if document.get("format") == SUITE_FORMAT:
                anchor = {"chain_id": document["chain_id"], **document["contracts"][CONTRACT]}
                return Deployment(contract=anchor.pop("address"), **anchor)
            if document.pop("format") != FORMAT:
                raise ValueError
            return Deployment(**document)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ChainUnavailable(f"{self.record()} is not a {FORMAT} document") from None


def deploy_anchor(
    *, now: datetime, config: ChainConfig | None = None, owner: str = "", patience: Patience | None = None
) -> Deployment:
    """Put ProvenanceAnchor on the chain, once, and return where it is; a second call finds what the first one did.

    The sending key becomes the anchorer; `owner` (a 0x address, by default the sending key) may name another.
    Raise ChainUnavailable, or UnableToDeploy when record and chain contradict each other.
    """
    config = config or ChainConfig.from_settings()
    artifact = load(CONTRACT)
    with only_one(config.folder):
        rpc = config.rpc()
        chain_id = rpc.number("eth_chainId")
        if (known := config.deployment()) is not None:
            _confirm(rpc, known, chain_id)
            return known
        sender = Sender(rpc, key=config.key(), chain_id=chain_id, patience=patience or Patience())
        try:
            signed, contract = _send(config.folder, sender, artifact, chain_id, owner or sender.address)
            receipt = sender.wait(signed)
        except RpcRefusal as refusal:
            raise UnableToDeploy(f"{rpc.place} refused: {refusal}") from refusal
        code = rpc.data("eth_getCode", contract, "latest")
        if receipt.get("status") == "0x1" and not code:
            # Behind one name there may be many nodes, of which some lag: what is mined is not sent again for that.
            raise ChainUnavailable(f"{rpc.place} says that {contract} was created, and does not show it yet")
        if receipt.get("status") != "0x1" or code != artifact.runtime_code:
            (config.folder / "deployment.intent.json").unlink(missing_ok=True)
            raise UnableToDeploy(f"transaction 0x{signed.digest.hex()} did not create it at {contract}")
        deployment = Deployment(
            chain_id=chain_id,
            contract=contract,
            transaction="0x" + signed.digest.hex(),
            block_number=rpc.as_number(receipt.get("blockNumber"), "blockNumber"),
            artifact=artifact.digest,
            deployed_at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
        write_document(config.record(), {"format": FORMAT, **asdict(deployment)})
        (config.folder / "deployment.intent.json").unlink(missing_ok=True)
        return deployment


def _confirm(rpc: JsonRpc, known: Deployment, chain_id: int) -> None:
    if known.chain_id != chain_id:
        raise UnableToDeploy(f"it is recorded on chain {known.chain_id}, but {rpc.place} serves chain {chain_id}")
    if not rpc.data("eth_getCode", known.contract, "latest"):
        raise UnableToDeploy(
            f"{known.contract} is recorded, but chain {chain_id} has nothing there: "
            "move deployment.json away to deploy anew"
        )


def _send(folder: Path, sender: Sender, artifact: Artifact, chain_id: int, owner: str) -> tuple[Signed, str]:
    """Send the creation, or find the one that a process sent before it died; return it and the contract's address.

    The signed bytes are on disk before they are on the wire: sent twice, they are still one transaction.
    """
    path = folder / "deployment.intent.json"
    for _ in range(sender.attempts):
        intent = read_document(path)
        if intent is None or intent.get("chain_id") != chain_id or intent.get("artifact") != artifact.digest:
            data = artifact.creation_code + _word(owner) + _word(sender.address)
            signed, nonce = sender.prepare(to=None, data=data)
            contract = created_by(sender.address, nonce)
            intent = {
                "chain_id": chain_id,
                "artifact": artifact.digest,
                "raw": signed.raw.hex(),
                "digest": signed.digest.hex(),
                "contract": contract,
            }
            write_document(path, intent)
        signed = Signed(bytes.fromhex(intent["raw"]), bytes.fromhex(intent["digest"]))
        if sender.receipt(signed.digest) is not None:
            return signed, intent["contract"]
        try:
            sender.send(signed)
        except NonceTaken as taken:
            if sender.receipt(signed.digest) is None and "already" not in str(taken).lower():
                # Another transaction has this nonce for good: this creation can never be mined.
                path.unlink()
                sender.pause()
                continue
        return signed, intent["contract"]
    raise ChainUnavailable("other transactions of the same key keep coming first")


def _word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def checked_address(value: str) -> str:
    """Return a 0x address in checksummed form; ChainUnavailable when it is none."""
    try:
        raw = bytes.fromhex(value.removeprefix("0x"))
        if len(raw) != 20:
            raise ValueError
    except ValueError:
        raise ChainUnavailable(f"the contract address {value!r} is not 0x and 40 hexadecimal digits") from None
    return checksummed(raw)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one deployment at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "deployment.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_document(path: Path) -> dict[str, Any] | None:
    """Return a JSON object from a file, None when there is no file; ChainUnavailable for anything else in it."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise ChainUnavailable(f"{path} is not JSON") from None
    if not isinstance(document, dict):
        raise ChainUnavailable(f"{path} is not a JSON object")
    return document


def write_document(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON object to a file, whole or not at all, also through a power cut."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(fresh, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
