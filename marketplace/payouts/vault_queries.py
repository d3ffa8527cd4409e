"""What the vault on the chain says of splits and creators: read within seconds or said to be unknown, never guessed.

An answer is kept for some seconds, a failure too: a page asks the chain at most once in that time, and a chain that is
away costs the pages next to nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Max

from ledger.chain.abi import call_data
from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Question, Reader, Reverted, reader
from ledger.chain.suite import Suite, Token, suite
from marketplace.payouts.models import SplitShare
from marketplace.payouts.rules import allocate, exponent_of
from marketplace.payouts.vault_moves import VaultMove

KEPT_SECONDS, TIMEOUT_SECONDS = 15, 2
SPLITS_SHOWN, NEWEST_SPLITS = 200, 50

Shares = Sequence[tuple[UUID, int]]


@dataclass(frozen=True, slots=True)
class Pot:
    """What lies in a split's pot in one token, and what each payee gets when it is divided; in the token's units."""

    token: Token
    amount_units: int
    parts_units: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class SplitOnChain:
    """A split as the contracts see it. `vault_digest` is the name (hex) that SplitVault gives to the shares that the
    database has, "" where it refuses them with `refusal`; `receiver` is where royalties of its tokens are sent."""

    digest: str
    vault_digest: str
    refusal: str
    receiver: str
    pots: tuple[Pot, ...]

    @property
    def agrees(self) -> bool:
        """Tell whether chain and database call the same shares by the same 32 bytes."""
        return self.vault_digest == self.digest


@dataclass(frozen=True, slots=True)
class InVault:
    """What a creator may withdraw in one token, in its units, and the call that sends it to their wallet.

    `vault` is the contract to call, `wallet` where that pays to, "" for nowhere yet; `is_former` tells that another
    contract took the vault's place since.
    """

    vault: str
    is_former: bool
    wallet: str
    token: Token
    amount_units: int
    withdraw: bytes


@dataclass(frozen=True, slots=True)
class Undivided:
    """A pot in which a creator has a part, and the call that divides it at `vault`; anyone may make it."""

    vault: str
    split: str
    pot: Pot
    part_units: int
    distribute: bytes


@dataclass(frozen=True, slots=True)
class Vault:
    """What a creator has in the vault and in those before it, of which only what is there is told.

    `wallet` is the address that the vault pays to now, "" for none.
    """

    wallet: str
    balances: tuple[InVault, ...]
    undivided: tuple[Undivided, ...]


def split_on_chain(digest: str, *, ask: Reader | None = None) -> SplitOnChain:
    """Return what the contracts say of a split of the database; ChainUnavailable when they do not answer in time."""
    known = _suite(ask)
    return _kept(
        f"split:{_place(known)}:{digest}", lambda: _read_split(digest, ask or _reader()), fresh=ask is not None
    )


def vault_of(creator_id: UUID, *, ask: Reader | None = None, fresh: bool = False) -> Vault:
    """Return what a creator has in the vault and in pots; ChainUnavailable when the chain does not answer in time.

    `fresh` for who has just changed it; others may see what was so some seconds ago.
    """
    known = _suite(ask)
    return _kept(
        f"vault:{_place(known)}:{creator_id}",
        lambda: _read_vault(creator_id, ask or _reader()),
        fresh=fresh or ask is not None,
    )


def shares_of(digests: Iterable[str]) -> dict[str, list[tuple[UUID, int]]]:
    """Return split → (creator's id, ppb) as the database has them, payees ascending."""
    found: dict[str, list[tuple[UUID, int]]] = {digest: [] for digest in digests}
    rows = SplitShare.objects.filter(split__in=found).order_by("payee_id")
    for digest, payee, share_ppb in rows.values_list("split_id", "payee_id", "share_ppb"):
        found[digest].append((payee, share_ppb))
    return found


def amount_text(units: int, token: Token) -> str:
    """Return an amount of a token with its symbol: the digits of its currency, and more where there are fractions."""
    whole, rest = divmod(units, 10**token.decimals)
    digits = f"{rest:0{token.decimals}d}" if token.decimals else ""
    shown = digits.rstrip("0").ljust(min(exponent_of(token.currency), token.decimals), "0")
    return f"{whole:,}{'.' if shown else ''}{shown}\N{NO-BREAK SPACE}{token.symbol}"


def arguments_of(shares: Shares) -> tuple[list[bytes], list[int]]:
    """Return a split's shares as the vault takes them: payees as bytes16, ascending, and their ppb."""
    ordered = sorted(shares)
    return [payee.bytes for payee, _ in ordered], [share_ppb for _, share_ppb in ordered]


def _read_split(digest: str, ask: Reader) -> SplitOnChain:
    shares = shares_of([digest])[digest]
    tokens = list(ask.suite.tokens.values())
    name, receiver, *pots = ask.views(
        [
            Question("SplitVault", "splitOf", arguments_of(shares)),
            Question("RoyaltyReceiverFactory", "receiverOf", (bytes.fromhex(digest),)),
            *(Question("SplitVault", "potOf", (bytes.fromhex(digest), token.address)) for token in tokens),
        ]
    )
    refusal = str(name) if isinstance(name, Reverted) else ""
    return SplitOnChain(
        digest=digest,
        vault_digest="" if refusal else name.hex(),
        refusal=refusal,
        receiver=_answer(receiver),
        # Shares that are none divide nothing.
        pots=tuple(
            _pot(token, _answer(amount), [] if refusal else shares) for token, amount in zip(tokens, pots, strict=True)
        ),
    )


def _read_vault(creator_id: UUID, ask: Reader) -> Vault:
    vaults = [ask.suite.address("SplitVault"), *(at for name, at in ask.suite.former if name == "SplitVault")]
    tokens, digests = list(ask.suite.tokens.values()), _splits_of(creator_id)
    payees = [_answer(one) for one in ask.views([Question("SplitVault", "PAYEES", at=vault) for vault in vaults])]
    places = [(vault, token) for vault in vaults for token in tokens]
    answers = ask.views(
        [
            *(Question("Payees", "walletOf", (creator_id.bytes,), at) for at in payees),
            *(Question("SplitVault", "balanceOf", (creator_id.bytes, token.address), at) for at, token in places),
            *(
                Question("SplitVault", "potOf", (bytes.fromhex(digest), token.address), at)
                for digest in digests
                for at, token in places
            ),
        ]
    )
    amounts = [_answer(one) for one in answers]
    wallets = {
        vault: "" if int(wallet, 16) == 0 else wallet
        for vault, wallet in zip(vaults, amounts[: len(vaults)], strict=True)
    }
    balances, pots = amounts[len(vaults) :][: len(places)], amounts[len(vaults) + len(places) :]
    spots = [(digest, vault, token) for digest in digests for vault, token in places]
    full = [(spot, amount) for spot, amount in zip(spots, pots, strict=True) if amount]
    shares = shares_of({digest for (digest, _, _), _ in full})
    return Vault(
        wallet=wallets[vaults[0]],
        balances=tuple(
            InVault(
                vault,
                vault != vaults[0],
                wallets[vault],
                token,
                amount,
                call_data("SplitVault", "withdraw", creator_id.bytes, token.address),
            )
            for (vault, token), amount in zip(places, balances, strict=True)
            if amount or vault == vaults[0]
        ),
        undivided=tuple(
            _undivided(creator_id, vault, digest, token, amount, shares[digest])
            for (digest, vault, token), amount in full
        ),
    )


def _splits_of(creator_id: UUID) -> list[str]:
    """Return a creator's splits that were paid on chain, the last paid first, and their newest, of which it may be."""
    shares = SplitShare.objects.filter(payee=creator_id)
    paid = VaultMove.objects.filter(flow=VaultMove.IN, split_digest__in=shares.values("split_id"))
    last = paid.values("split_digest").annotate(last=Max("id")).order_by("-last")
    newest = shares.order_by("-split__created_at", "split").values_list("split_id", flat=True)
    found = [row["split_digest"] for row in last[:SPLITS_SHOWN]]
    return list(dict.fromkeys([*found, *newest[:NEWEST_SPLITS]]))


def _undivided(creator_id: UUID, vault: str, digest: str, token: Token, amount: int, shares: Shares) -> Undivided:
    pot = _pot(token, amount, shares)
    part = dict(pot.parts_units).get(creator_id, 0)
    return Undivided(
        vault, digest, pot, part, call_data("SplitVault", "distribute", *arguments_of(shares), token.address)
    )


def _pot(token: Token, amount: int, shares: Shares) -> Pot:
    # The vault's rule is the books': tests hold `partsOf` and this to the same units.
    return Pot(token, amount, tuple(allocate(amount, shares)) if shares else ())


def _answer(value: Any) -> Any:
    if isinstance(value, Reverted):
        raise ChainUnavailable(str(value))
    return value


def _suite(ask: Reader | None) -> Suite:
    known = ask.suite if ask else suite()
    if known is None:
        raise ChainUnavailable("no contracts stand on a chain here")
    return known


def _reader() -> Reader:
    return reader(timeout_seconds=TIMEOUT_SECONDS)


def _place(known: Suite) -> str:
    return f"{known.chain_id}:{known.address('SplitVault')}"


def _kept(key: str, read: Callable[[], Any], *, fresh: bool) -> Any:
    """Return what was read in the last seconds, or read it; who brings an endpoint of their own reads afresh."""
    found = None if fresh else cache.get(key)
    if found is None:
        try:
            found = read()
        except ChainUnavailable as error:
            found = error
        cache.set(key, found, KEPT_SECONDS)
    if isinstance(found, ChainUnavailable):
        raise ChainUnavailable(found.reason)
    return found
