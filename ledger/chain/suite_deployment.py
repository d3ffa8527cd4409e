"""Putting the whole suite on a chain: each step once, whatever ends the process between two of them.

The plan is a list of steps, each one transaction. What is signed is on disk before it is on the wire, so that repeated
it is the same transaction; what is mined is on disk before the next step begins. The record that everybody reads is
written last, so a suite is there whole or not at all.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ledger.chain.abi import call_data, creation_data
from ledger.chain.base import ChainUnavailable
from ledger.chain.deployment import ChainConfig, UnableToDeploy, only_one, read_document, write_document
from ledger.chain.jsonrpc import JsonRpc, RpcRefusal
from ledger.chain.reading import Reader, Reverted
from ledger.chain.sender import Patience
from ledger.chain.steps import Step, Work
from ledger.chain.suite import CONTRACTS, FORMAT, WRAPPED, Suite, Token, checked, read_suite
from ledger.chain.transaction import address_of
from marketplace.ui.currencies import ISO_4217

DEVELOPMENT_CHAINS = (31337, 1337)
PLAY_MONEY = ("Development dollar", "tUSD", 6, "USD")
PLAY_AMOUNT = 10**15
"""What the settler has of the play money, in its units: a billion dollars."""

NOBODY = "0x" + "00" * 20

CALLS = {
    "SplitVault": ("Payees",),
    "RoyaltyReceiverFactory": ("SplitVault",),
    "AssetToken": ("ProvenanceAnchor", "RoyaltyReceiverFactory"),
    "LicenseMarket": ("SplitVault", "ProvenanceAnchor"),
}
"""Which contracts a contract knows for good: without a proxy, it is replaced together with them."""


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
    replace: Sequence[str] = (),
    patience: Patience | None = None,
) -> Suite:
    """Put all contracts on the chain, once, and return where they are; a second call finds what the first one did.

    `replace` names contracts of a recorded suite that successors take the place of, whatever they are.

    An anchor contract that is recorded alone is kept, with its history. `pages` is what the URI of a token begins with;
    it never changes. On a development chain play money and a wrapped coin come along; a public one must have them, and
    they are `given`. Raise ChainUnavailable, or UnableToDeploy when chain, record and what is asked do not fit.
    """
    config = config or ChainConfig.from_settings()
    with only_one(config.folder):
        rpc = config.rpc()
        chain_id = rpc.number("eth_chainId")
        given, former = given or Given(), read_document(config.record())
        if former is None or former.get("format") != FORMAT:
            former = None
        else:
            known = _confirmed(rpc, chain_id, former, config, given)
            if not replace:
                return known
            _check_replaced(replace)
            given = given if given.wrapped else _given(known)
        accounts = accounts or Accounts.of(config)
        if chain_id not in DEVELOPMENT_CHAINS:
            accounts.check_cold()
        work = Work(config, rpc, chain_id, patience or Patience(), _stamp(now))
        asked = {"accounts": asdict(accounts), "pages": pages, **asdict(given), "replace": sorted(replace)}
        work.begin(asked, former)
        document = _Plan(work, accounts, given, work.pages).carry_out()
        document["former"] = _former(former, document)
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

    def __init__(self, work: Work, accounts: Accounts, given: Given, pages: str) -> None:
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
        tokens = [_token(self._work.rpc, self._work.chain_id, currency, at) for currency, at in given.tokens]
        _check_tokens(tokens)
        return _address(given.wrapped), tokens

    def _list(self, token: Token) -> None:
        """Put a token on the vault's list where the admin's key is ours; else it is left to the admin's wallet."""
        try:
            key = self._work.config.key("admin")
        except ChainUnavailable:
            return
        here = {"SplitVault": self._at["SplitVault"]}
        vault = Reader(self._work.rpc, Suite(chain_id=self._work.chain_id, addresses=here, block_number=0, tokens={}))
        # One that was replaced around has it on its list already.
        if address_of(key) == self._accounts.admin and not vault.view("SplitVault", "accepts", token.address):
            data = call_data("SplitVault", "listToken", token.address, True)
            step = Step(name=f"list {token.currency}", contract="SplitVault", data=data, to=self._at["SplitVault"])
            self._work.do(step, role="admin")


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


def _check_replaced(names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in CONTRACTS]:
        raise UnableToDeploy("there is no contract of that name", unknown[0])
    for name, called in CALLS.items():
        if name not in names and (changed := [other for other in called if other in names]):
            raise UnableToDeploy(f"{name} knows {changed[0]} for good, so replace it as well", changed[0])


def _given(known: Suite) -> Given:
    pairs = tuple((currency, token.address) for currency, token in known.tokens.items())
    return Given(tokens=pairs, wrapped=known.addresses.get(WRAPPED, ""))


def _former(before: dict[str, Any] | None, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the contracts that others have taken the place of, oldest first."""
    if before is None:
        return []
    gone = [
        {"contract": name, **it, "replaced_at": document["deployed_at"]}
        for name, it in before["contracts"].items()
        if it["address"] != document["contracts"][name]["address"]
    ]
    return [*before.get("former", []), *gone]


def _with_tokens(rpc: JsonRpc, document: dict[str, Any], config: ChainConfig, given: Given) -> Suite:
    known = {token["currency"] for token in document["tokens"]}
    new = [_token(rpc, document["chain_id"], *pair) for pair in given.tokens if pair[0] not in known]
    _check_tokens([*(Token(**token) for token in document["tokens"]), *new])
    document["tokens"] += [asdict(token) for token in new]
    found = read_suite(document)
    write_document(config.record(), document)
    return found


def _check_tokens(tokens: Sequence[Token]) -> None:
    """Refuse a token that stands for two currencies, or that cannot say a minor unit of its currency."""
    for token in tokens:
        if token.currency not in ISO_4217:
            raise UnableToDeploy(f"{token.currency} is no currency of ISO 4217", "SplitVault")
        if token.decimals < ISO_4217[token.currency]:
            why = f"{token.symbol} has {token.decimals} decimals, and {token.currency} has {ISO_4217[token.currency]}"
            raise UnableToDeploy(why, "SplitVault")
        if same := [other for other in tokens if other.address == token.address and other != token]:
            why = f"{token.symbol} would stand for {token.currency} and for {same[0].currency}"
            raise UnableToDeploy(why, "SplitVault")


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
