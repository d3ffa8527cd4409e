"""Questions about tokens of releases: how far one is, who holds it, and where log and chain disagree."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q

import ledger.queries
from ledger.chain.suite import Suite, suite
from ledger.chain.typed import MATERIALIZE, as_json, typed_digest
from ledger.chain_models import ChainCall
from ledger.chain_queries import Standing, call_of, standing_of
from ledger.log.merkle import leaf_hash
from ledger.log.proof import Proof
from ledger.models import AnchorReceipt, Entry
from marketplace.catalog.models import Pack, Release, TransferProposal
from marketplace.catalog.token_models import Handover, TokenAsk, TokenEvent, TokenSigning
from marketplace.payouts.wallets import wallets_of
from marketplace.people.models import Creator

CONTRACT = "AssetToken"
AT_ONCE = 500
Kind = TokenEvent.Kind


@dataclass(frozen=True, slots=True)
class TokenState:
    """How far a release's token is.

    `step` is "none", "asked" (its entry is not anchored yet), "ready" (anchored: the wallet signs next), "signed" (the
    call is under way), "refused" (the chain refused the call) or "made"; `made` and `moved` are its first and its
    newest event, `call` the call that makes or made it.
    """

    step: str
    ask: TokenAsk | None = None
    signing: TokenSigning | None = None
    call: ChainCall | None = None
    standing: Standing | None = None
    made: TokenEvent | None = None
    moved: TokenEvent | None = None

    @property
    def holder(self) -> str:
        """The address that holds it, lower case; empty before it is made."""
        return self.moved.holder if self.moved else ""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """That log and chain do not say the same about a release: the log names `owner`, the chain `holder`.

    `why` is "held-by-another" (the holder is no wallet of the owner's) or "unknown-entry" (it was made from a leaf
    that is not of an entry of ours). `since` is the chain's time of the event that made it so.
    """

    release: Release
    owner: Creator
    holder: str
    why: str
    since: datetime

    def __str__(self) -> str:
        if self.why == "unknown-entry":
            return f"The token of {self.release} was made from an entry that this log does not have."
        return f"The log says that {self.release} is {self.owner.handle}'s, but {self.holder} holds its token."


def token_place() -> tuple[Suite, str] | None:
    """This will give the suite and the address of AssetToken as the log writes it; None before it is deployed."""
    found = suite()
    return (found, found.address(CONTRACT).lower()) if found else None


def state_of(release: Release) -> TokenState:
    """This will tell how far the token of a release is, in the contract that stands now."""
    place = token_place()
    if place is None:
        return TokenState("none")
    made = newest_made([release.digest]).get(release.digest)
    moves = newest_moves([release.digest]) if made else []
    moved = next((one for one in moves if made and one.event.address == made.event.address), None)
    ask = ask_behind(made) if made else current_ask(release)
    signing = ask.signings.order_by("-number").first() if ask else None
    call = call_of(signing.call) if signing else None
    standing = standing_of(call) if call else None
    return TokenState(_step(ask, signing, standing, made), ask, signing, call, standing, made, moved)


def _step(ask: TokenAsk | None, signing: TokenSigning | None, standing: Standing | None, made: Any) -> str:
    if made is not None:
        return "made"
    if ask is None:
        return "none"
    if standing is not None and standing.state == "refused":
        return "refused"
    if signing is not None:
        return "signed"
    return "ready" if anchor_of(ask) else "asked"


def current_ask(release: Release) -> TokenAsk | None:
    """This will find the ask that counts: the newest one, unless the log passed the release on since."""
    place = token_place()
    ask = release.token_asks.select_related("entry", "asked_by").order_by("-entry").first()
    if ask is None or place is None or (ask.chain_id, ask.contract) != (place[0].chain_id, place[1]):
        return None
    passed_on = Entry.objects.filter(type="transfer", subject=f"release:{release.digest}", id__gt=ask.entry_id)
    return None if passed_on.exists() else ask


def ask_behind(made: TokenEvent) -> TokenAsk | None:
    """This will find the ask whose entry made a token, None for an entry that is not ours."""
    return asks_behind([made]).get(made.pk)


def asks_behind(made: Sequence[TokenEvent]) -> dict[int, TokenAsk]:
    """This will find the asks whose entries made tokens, by the event's id; those that are ours, in one query."""
    rows = TokenAsk.objects.filter(release__digest__in={one.release for one in made})
    asks = {leaf_of(ask).hex(): ask for ask in rows.select_related("entry", "asked_by", "release")}
    return {one.pk: asks[one.leaf] for one in made if one.leaf in asks}


def leaf_of(ask: TokenAsk) -> bytes:
    """This will give the leaf hash of an ask's entry: what the wallet signs, and what `leafOf` of the contract says."""
    return leaf_hash(bytes(ask.entry.body))


def struct_of(ask: TokenAsk) -> tuple[Any, ...]:
    """This will give what an ask's entry says as the contract takes it: the struct LogEntry.AssetToken."""
    entry, release = ask.entry, ask.release
    return (
        bytes.fromhex(release.digest),
        bytes.fromhex(release.split_id),
        ask.wallet,
        ask.bps,
        entry.entry_id.bytes,
        entry.stated_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode(),
    )


def typed_of(ask: TokenAsk) -> dict[str, Any]:
    """This will write what the wallet signs, as `eth_signTypedData_v4` takes it."""
    return as_json(MATERIALIZE, {"leaf": leaf_of(ask)}, chain_id=ask.chain_id, contract=ask.contract)


def digest_of(ask: TokenAsk) -> bytes:
    """This will give the 32 bytes under the wallet's signature: `digestToSign` of the contract."""
    return typed_digest(MATERIALIZE, {"leaf": leaf_of(ask)}, chain_id=ask.chain_id, contract=ask.contract)


def anchor_of(ask: TokenAsk) -> AnchorReceipt | None:
    """This will find the first anchor, in the book that the token's contract reads, over the ask's entry."""
    leaf, place = ledger.queries.leaf_of(ask.entry), token_place()
    if leaf is None or place is None:
        return None
    book = place[0].address("ProvenanceAnchor")
    rows = AnchorReceipt.objects.filter(
        intent__chain_id=ask.chain_id, intent__contract__iexact=book, intent__checkpoint__size__gt=leaf.index
    )
    return rows.select_related("intent__checkpoint").order_by("intent__checkpoint__size").first()


def proof_of(ask: TokenAsk, anchor: AnchorReceipt) -> Proof | None:
    """This will prove the ask's entry under an anchored checkpoint; None while that is not published."""
    return ledger.queries.proof_for(ask.entry, checkpoint=anchor.intent.checkpoint)


# --- what the chain said -----------------------------------------------------------------------------------
def newest_made(digests: Iterable[str]) -> dict[str, TokenEvent]:
    """This will find the event that made each token, by the release's digest; the newest where there are several."""
    rows = _ours().filter(release__in=list(digests), kind=Kind.MADE).order_by("release", "-event")
    return {row.release: row for row in rows.distinct("release")}


def newest_moves(digests: Iterable[str]) -> list[TokenEvent]:
    """This will find the newest event that gave each token to somebody.

    A release has one token at most in each contract: a successor of the contract may make another.
    """
    rows = _ours().filter(kind=Kind.MOVED, release__in=list(digests))
    return list(rows.order_by("release", "event__address", "-event").distinct("release", "event__address"))


def all_moves(*, at_once: int = AT_ONCE) -> Iterator[list[TokenEvent]]:
    """This will go through all tokens there are, so many releases at once: the newest event of each, by release."""
    after = ""
    while True:
        rows = _ours().filter(kind=Kind.MOVED, release__gt=after).order_by("release")
        digests = list(rows.values_list("release", flat=True).distinct()[:at_once])
        if not digests:
            return
        yield newest_moves(digests)
        after = digests[-1]


def _ours() -> Any:
    """Return the events of our contracts, also of those that others have followed; none that the chain took back."""
    place = token_place()
    if place is None:
        return TokenEvent.objects.none()
    known = place[0]
    addresses = [known.address(CONTRACT), *(address for name, address in known.former if name == CONTRACT)]
    rows = TokenEvent.objects.select_related("event").filter(event__lost=None)
    return rows.filter(event__chain_id=known.chain_id, event__address__in=addresses)


def tokens_of(pack: Pack) -> list[tuple[Release, TokenEvent]]:
    """This will list the tokens of a pack's releases, the oldest first, each with its newest event: who holds it."""
    releases = {row.digest: row for row in Release.objects.filter(pack=pack)}
    if not TokenEvent.objects.filter(release__in=list(releases)).exists():
        return []  # nearly all packs: these need no chain to be set up
    found = [(releases[move.release], move) for move in newest_moves(releases)]
    return sorted(found, key=lambda pair: (pair[0].published_at, pair[1].pk))


# --- where they disagree -----------------------------------------------------------------------------------
def disagreements(*, now: datetime) -> list[Disagreement]:
    """This will name each token that is not with its release's owner, the oldest first.

    The owner is who the log says. A token that moved to the wallet of whoever accepted the pack is on its way and no
    disagreement, as long as that proposal stands.
    """
    found = [wrong for moves in all_moves() for wrong in _wrong(moves, now)]
    return sorted(found, key=lambda one: (one.since, one.release.digest))


def disagreement_about(release: Release, *, now: datetime) -> Disagreement | None:
    """This will say how log and chain disagree about one release, None when they agree."""
    return next(iter(_wrong(newest_moves([release.digest]), now)), None)


def _wrong(moves: Sequence[TokenEvent], now: datetime) -> Sequence[Disagreement]:
    digests = {move.release for move in moves}
    rows = Release.objects.filter(digest__in=digests).select_related("pack__owner", "pack__creator")
    releases, made = {row.digest: row for row in rows}, newest_made(digests)
    ours = asks_behind(list(made.values()))
    named = _named_wallets(list(releases.values()))
    paid_to = wallets_of([release.pack.owner_id for release in releases.values()], now=now)
    found = []
    for move in moves:
        release, begun = releases.get(move.release), made.get(move.release)
        if release is None:
            continue  # made from no entry of ours, of a release that this house does not have
        owner = release.pack.owner
        if begun is not None and begun.pk not in ours:
            found.append(Disagreement(release, owner, move.holder, "unknown-entry", move.event.block_time))
        elif move.holder not in {*named[release.pk], paid_to.get(owner.pk, "").lower()}:
            found.append(Disagreement(release, owner, move.holder, "held-by-another", move.event.block_time))
    return found


def _named_wallets(releases: Sequence[Release]) -> dict[UUID, set[str]]:
    """Return the wallets with which the token of each release is at its owner's, or on its way, in lower case.

    Those that the owner named when asking for it or when taking the pack over, and the one to which an accepted
    proposal moves it. The one that the owner is paid to counts besides.
    """
    named: dict[UUID, set[str]] = {release.pk: set() for release in releases}
    for ask in TokenAsk.objects.filter(release__in=releases, asked_by=F("release__pack__owner")):
        named[ask.release_id].add(ask.wallet)
    States = TransferProposal.State
    taken = Handover.objects.filter(
        Q(proposal__state=States.ACCEPTED, proposal__new_owner=F("proposal__pack__owner"))
        | Q(proposal__state=States.OPEN),
        proposal__pack__in={release.pack_id for release in releases},
    )
    by_pack: dict[UUID, set[str]] = {}
    for pack, wallet in taken.values_list("proposal__pack", "wallet"):
        by_pack.setdefault(pack, set()).add(wallet)
    for release in releases:
        named[release.pk] |= by_pack.get(release.pack_id, set())
    return named
