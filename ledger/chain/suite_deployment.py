"""Putting the whole suite on a chain: each step once, whatever ends the process between two of them.

The plan is a list of steps, each one transaction. What is signed is on disk before it is on the wire, so that repeated
it is the same transaction; what is mined is on disk before the next step begins. The record that everybody reads is
written last, so a suite is there whole or not at all.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ledger.chain.abi import call_data, creation_data, error_of
from ledger.chain.artifacts import load
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import CONTRACT, ChainConfig, UnableToDeploy, only_one, read_document, write_document
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.reading import Reader, Reverted
from ledger.chain.sender import NonceTaken, Patience, Sender
from ledger.chain.suite import CONTRACTS, FORMAT, Suite, Token, checked, read_suite
from ledger.chain.transaction import Signed, address_of, created_by

INTENT_FORMAT = "worldloom/deployment-intent/2"
DEVELOPMENT_CHAINS = (31337, 1337)
PLAY_MONEY = ("Development dollar", "tUSD", 6, "USD")
PLAY_AMOUNT = 10**15
"""What the settler has of the play money, in its units: a billion dollars."""

NOBODY = "0x" + "00" * 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who may do what, as 0x addresses. `admin` is cold, `treasury` gets the house's part; the others are hot keys."""

    admin: str
    guardian: str
    treasury: str
    anchorer: str
    keeper: str
    registrar: str
    settler: str
    offers: str
    arbiter: str

    @classmethod
    def of(cls, config: ChainConfig, *, admin: str = "", guardian: str = "", treasury: str = "") -> "Accounts":
        """Return the addresses of our hot keys by role, and of the others as given, as recorded, or as our keys are.

        Treasury and arbiter are the admin, unless others are recorded.
        """
        known: dict[str, str] = (read_document(config.record()) or {}).get("accounts", {})
        roles = ("anchorer", "keeper", "registrar", "settler", "offers")
        cold = _address(admin or known.get("admin") or address_of(config.key("admin")))
        return cls(
            admin=cold,
            guardian=_address(guardian or known.get("guardian") or address_of(config.key("guardian"))),
            treasury=_address(treasury or known.get("treasury") or cold),
            arbiter=_address(known.get("arbiter") or cold),
            **{role: address_of(config.key(role)) for role in roles},
        )

    def check_cold(self) -> None:
        """Raise UnableToDeploy when the admin is one of the hot keys: whoever stole that key would hold all roles."""
        hot = (self.anchorer, self.keeper, self.registrar, self.settler, self.offers, self.guardian)
        if self.admin in hot:
            raise UnableToDeploy(f"the admin {self.admin} is also a hot key: name another, whose key is kept offline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a public chain has already: the ERC-20s that we take, by currency, and the wrapped coin, as addresses."""

    tokens: tuple[tuple[str, str], ...] = ()
    wrapped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction: it creates `contract`, or, where `to` is given, calls it. `name` is its place in the record."""

    name: str
    contract: str
    data: bytes
    to: str | None = None


@dataclass(frozen=True, slots=True)
class LeftToAdmin:
    """A call that only the admin may send and whose key is not here: from the admin's wallet, `data` to `to`."""

    to: str
    function: str
    data: bytes


def deploy_suite(
    *,
    now: datetime,
    pages: str,
    config: ChainConfig | None = None,
    accounts: Accounts | None = None,
    given: Given | None = None,
    patience: Patience | None = None,
) -> Suite:
    """Put all contracts on the chain, once, and return where they are; a second call finds what the first one did.

    An anchor contract that is recorded alone is kept, with its history. `pages` is what the URI of a token begins with;
    it never changes. On a development chain play money and a wrapped coin come along; a public one must have them, and
    they are `given`. Raise ChainUnavailable, or UnableToDeploy when chain, record and what is asked do not fit.
    """
    config = config or ChainConfig.from_settings()
    with only_one(config.folder):
        rpc = config.rpc()
        chain_id = rpc.number("eth_chainId")
        if (document := read_document(config.record())) is not None and document.get("format") == FORMAT:
            return _confirmed(rpc, chain_id, document, config, given or Given())
        accounts = accounts or Accounts.of(config)
        if chain_id not in DEVELOPMENT_CHAINS:
            accounts.check_cold()
        work = _Work(config, rpc, chain_id, patience or Patience(), _stamp(now))
        work.begin({"accounts": asdict(accounts), "pages": pages, **asdict(given or Given())})
        document = _Plan(work, accounts, given or Given(), pages).carry_out()
        write_document(config.record(), document)
        work.path.unlink(missing_ok=True)
        return read_suite(document)


def left_to_admin(reader: Reader) -> list[LeftToAdmin]:
    """Return the calls that the admin's wallet still has to send before the suite takes its tokens."""
    tokens = list(reader.suite.tokens.values())
    return [
        LeftToAdmin(
            reader.suite.address("SplitVault"),
            f"listToken({token.symbol}, true)",
            call_data("SplitVault", "listToken", token.address, True),
        )
        for token in tokens
        if not reader.view("SplitVault", "accepts", token.address)
    ]


class _Plan:
    """The steps in their order; each one's arguments are known when those before it are done."""

    def __init__(self, work: "_Work", accounts: Accounts, given: Given, pages: str) -> None:
        self._work, self._accounts, self._given, self._pages = work, accounts, given, pages
        self._at: dict[str, str] = {}

    def carry_out(self) -> dict[str, Any]:
        who, at = self._accounts, self._at
        wrapped, tokens = self._money()
        self._create("ProvenanceAnchor", who.admin, who.anchorer)
        self._create("Payees", who.admin, who.registrar, who.guardian)
        self._create("SplitVault", who.admin, who.guardian, at["Payees"], who.treasury)
        self._create("RoyaltyReceiverFactory", at["SplitVault"], wrapped)
        books = (at["ProvenanceAnchor"], at["RoyaltyReceiverFactory"])
        self._create("AssetToken", who.admin, who.guardian, who.keeper, *books, self._pages)
        self._create("PayoutDistributor", who.admin, who.guardian, who.settler)
        market = (at["SplitVault"], at["ProvenanceAnchor"])
        self._create("LicenseMarket", who.admin, who.guardian, who.offers, *market)
        self._create("ClaimBook", who.admin, who.guardian, who.arbiter)
        for token in tokens:
            self._list(token)
        return {
            "format": FORMAT,
            "chain_id": self._work.chain_id,
            "contracts": {name: self._work.done[name] for name in CONTRACTS},
            "accounts": asdict(who),
            "wrapped": wrapped,
            "tokens": [asdict(token) for token in tokens],
            "pages": self._pages,
            "deployed_at": self._work.stamp,
        }

    def _create(self, name: str, *args: Any) -> None:
        step = Step(name=name, contract=name, data=creation_data(name, *args))
        self._at[name] = self._work.do(step)["address"]

    def _money(self) -> tuple[str, list[Token]]:
        """Return the wrapped coin's address and the tokens: those that are given, else, where it may be, play money."""
        given = self._given
        if self._work.chain_id in DEVELOPMENT_CHAINS and not given.tokens and not given.wrapped:
            self._create("DevelopmentWrappedCoin")
            name, symbol, decimals, currency = PLAY_MONEY
            self._create("DevelopmentCoin", name, symbol, decimals)
            coin = self._at["DevelopmentCoin"]
            mint = call_data("DevelopmentCoin", "mint", self._accounts.settler, PLAY_AMOUNT)
            self._work.do(Step(name="play money", contract="DevelopmentCoin", data=mint, to=coin))
            return self._at["DevelopmentWrappedCoin"], [
                Token(address=coin, symbol=symbol, decimals=decimals, currency=currency)
            ]
        if not given.wrapped:
            raise UnableToDeploy(
                f"chain {self._work.chain_id} has a wrapped coin, which must be named",
                "RoyaltyReceiverFactory",
            )
        return _address(given.wrapped), [
            _token(self._work.rpc, self._work.chain_id, currency, at) for currency, at in given.tokens
        ]

    def _list(self, token: Token) -> None:
        """Put a token on the vault's list where the admin's key is ours; else it is left to the admin's wallet."""
        try:
            key = self._work.config.key("admin")
        except ChainUnavailable:
            return
        if address_of(key) == self._accounts.admin:
            data = call_data("SplitVault", "listToken", token.address, True)
            step = Step(name=f"list {token.currency}", contract="SplitVault", data=data, to=self._at["SplitVault"])
            self._work.do(step, role="admin")


class _Work:
    """The steps that are done and the one under way, on disk; `done` is by the step's name."""

    def __init__(self, config: ChainConfig, rpc: JsonRpc, chain_id: int, patience: Patience, stamp: str) -> None:
        self.config, self.rpc, self.chain_id, self.stamp = config, rpc, chain_id, stamp
        self.path: Path = config.folder / "deployment.intent.json"
        self.done: dict[str, dict[str, Any]] = {}
        self._patience = patience
        self._asked: dict[str, Any] = {}
        self._under_way: dict[str, Any] | None = None

    def begin(self, asked: dict[str, Any]) -> None:
        """Go on where an earlier process ended, or begin with the anchor that is recorded alone, if one is."""
        self._asked = {**asked, "tokens": [list(pair) for pair in asked["tokens"]]}
        intent = read_document(self.path)
        has_begun = intent is not None and intent.get("format") == INTENT_FORMAT
        if intent and has_begun and (intent["done"] or intent["under_way"]):
            if intent["chain_id"] != self.chain_id or intent["asked"] != self._asked:
                raise self._contradiction("is of a deployment to another chain or with other accounts")
            self.done, self._under_way = intent["done"], intent["under_way"]
            if gone := [name for name, it in self.done.items() if it["artifact"] and not self._code(it["address"])]:
                raise self._contradiction(f"says that {gone[0]} is there, and it is not")
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
        artifact = None if step.to else load(step.contract)
        if receipt.get("status") != "0x1" or (artifact and not artifact.is_code(self._code(address))):
            self._under_way = None
            self._save()
            raise UnableToDeploy(f"transaction 0x{signed.digest.hex()} did not do it at {address}", step.contract)
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

    def _code(self, address: str) -> bytes:
        return self.rpc.data("eth_getCode", address, "latest")

    def _contradiction(self, what: str) -> UnableToDeploy:
        return UnableToDeploy(f"{self.path.name} {what}: move it away to begin anew")


def _confirmed(rpc: JsonRpc, chain_id: int, document: dict[str, Any], config: ChainConfig, given: Given) -> Suite:
    """Return the recorded suite once the chain has it, with the tokens that are given beside those recorded."""
    try:
        known = read_suite(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ChainUnavailable(f"{config.record()} is not a {FORMAT} document") from None
    if known.chain_id != chain_id:
        raise UnableToDeploy(f"it is recorded on chain {known.chain_id}, but {rpc.place} serves chain {chain_id}")
    codes: Sequence[Any] = rpc.batch([("eth_getCode", known.address(name), "latest") for name in CONTRACTS])
    for name, code in zip(CONTRACTS, codes, strict=True):
        if code in ("0x", None) or isinstance(code, RpcRefusal):
            raise UnableToDeploy(
                f"{known.address(name)} is recorded, but chain {chain_id} has nothing there: "
                f"move {config.record().name} away to deploy anew",
                name,
            )
    return known if known.tokens.keys() >= dict(given.tokens).keys() else _with_tokens(rpc, document, config, given)


def _with_tokens(rpc: JsonRpc, document: dict[str, Any], config: ChainConfig, given: Given) -> Suite:
    known = {token["currency"] for token in document["tokens"]}
    new = [_token(rpc, document["chain_id"], *pair) for pair in given.tokens if pair[0] not in known]
    document["tokens"] += [asdict(token) for token in new]
    found = read_suite(document)
    write_document(config.record(), document)
    return found


def _token(rpc: JsonRpc, chain_id: int, currency: str, address: str) -> Token:
    """Return a token of the chain, as its contract describes itself."""
    at = _address(address)
    reader = Reader(rpc, Suite(chain_id=chain_id, addresses={}, block_number=0, tokens={}))
    try:
        symbol, decimals = (reader.view("ERC20", name, at=at) for name in ("symbol", "decimals"))
    except (ChainUnavailable, Reverted) as wrong:
        raise UnableToDeploy(f"{at} does not describe itself as an ERC-20 ({wrong})", "SplitVault") from wrong
    return Token(address=at, symbol=symbol, decimals=decimals, currency=currency)


def _address(value: str) -> str:
    with suppress(ValueError):
        return checked(value)
    raise UnableToDeploy(f"{value!r} is not 0x and 40 hexadecimal digits")


def _stamp(now: datetime) -> str:
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")
