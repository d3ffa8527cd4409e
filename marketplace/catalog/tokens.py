"""A release becomes a token: its owner asks, the log says it, the wallet signs, and the chain makes it.

Whoever brings proof and signature may pay the gas; the marketplace does. docs/decisions/0035-contract-suite.md, 4.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat
from django.utils.translation import gettext as _

import ledger.operations
import ledger.queries
from ledger.chain.suite import checked
from ledger.chain.typed import normalized, recover
from ledger.chain_models import ChainOutcome
from ledger.event_queries import events
from ledger.models import Entry, Leaf
from ledger.sending import ask_chain
from marketplace.catalog import token_queries
from marketplace.catalog.models import Pack, Release, TransferProposal
from marketplace.catalog.token_models import HIGHEST_BPS, TokenAsk, TokenEvent, TokenSigning, TokenSupersession
from marketplace.catalog.token_queries import CONTRACT
from marketplace.people.models import Creator

LOGGER = logging.getLogger(__name__)
LONGEST_SIGNATURE = 4096
# A wallet that is a contract may say yes when asked and no when it counts, and each time costs us gas.
TRIES_A_DAY = 3
_AT_ONCE = 500
_OVERTAKING = ("transfer", "asset-token")
_NOBODY = "0x" + "00" * 20


class UnableToAskForToken(Exception):
    """The release stays without a token; nothing was stated."""

    code = "token-refused"

    def __init__(self, release: Release, reason: str) -> None:
        super().__init__(reason)
        self.release, self.reason = release, reason


class UnableToMaterialize(Exception):
    """The token is not made; the chain was asked for nothing."""

    code = "materialize-refused"

    def __init__(self, release: Release, reason: str) -> None:
        super().__init__(reason)
        self.release, self.reason = release, reason


@transaction.atomic
def ask_for_token(*, release: Release, by: Creator, wallet: str, bps: int, now: datetime) -> TokenAsk:
    """This will state that a release may become a token of `wallet`, which then signs for it; twice is once.

    `bps` is the royalty that is asked of later sales, in ten-thousandths. Another wallet or royalty is another ask and
    takes the place of this one, until the token is made. Raise UnableToAskForToken.
    """
    pack = _held(release)
    lower = _checked_wallet(release, wallet)
    place = token_queries.token_place()
    if pack.owner_id != by.pk:
        raise UnableToAskForToken(release, _("Only its owner may ask for the token of a release."))
    if place is None:
        raise UnableToAskForToken(release, _("No chain is set up here on which a token could be made."))
    if not 0 <= bps <= HIGHEST_BPS:
        raise UnableToAskForToken(release, _("The royalty of a token is 10 percent at most."))
    if lower in {address.lower() for address in place[0].addresses.values()}:
        raise UnableToAskForToken(release, _("This is the address of a contract of ours: nobody could sign for it."))
    if ledger.queries.is_taken_down(release.digest):
        raise UnableToAskForToken(release, _("The release is taken down."))
    if pack.transfer_proposals.filter(state=TransferProposal.State.OPEN).exists():
        raise UnableToAskForToken(release, _("Its transfer is proposed: withdraw that first, or wait for the answer."))
    state = token_queries.state_of(release)
    if state.step == "made":
        raise UnableToAskForToken(release, _("The release has its token."))
    if state.step == "signed":
        raise UnableToAskForToken(release, _("Its token is being made: wait until the chain has answered."))
    if state.ask is not None and (state.ask.wallet, state.ask.bps) == (lower, bps):
        return state.ask
    return _state(release, by, lower, bps, place[0].chain_id, place[1], now)


def _state(
    release: Release, by: Creator, wallet: str, bps: int, chain_id: int, contract: str, now: datetime
) -> TokenAsk:
    body = {
        "bps": bps,
        "chain_id": chain_id,
        "contract": contract,
        "owner": wallet,
        "release": release.digest,
        "split": release.split_id,
    }
    entry = ledger.operations.state(type="asset-token", subject=f"release:{release.digest}", body=body, now=now)
    return TokenAsk.objects.create(
        entry=entry,
        release=release,
        asked_by=by,
        wallet=wallet,
        bps=bps,
        chain_id=chain_id,
        contract=contract,
        asked_at=now,
    )


def checked_wallet(wallet: str) -> str | None:
    """This will give an address in lower case, as the log writes it; None for what is none, or is mistyped.

    An address in both letter cases carries a checksum (EIP-55), which must be right.
    """
    written = wallet.strip()
    try:
        found = checked(written)
    except ValueError:
        return None
    digits = written[2:]
    if digits not in (digits.lower(), digits.upper()) and written != found:
        return None
    return found.lower() if found.lower() != _NOBODY else None


def _checked_wallet(release: Release, wallet: str) -> str:
    found = checked_wallet(wallet)
    if found is None:
        raise UnableToAskForToken(
            release, _("This is no address of a wallet: 0x and 40 digits, as the wallet shows it.")
        )
    return found


def _held(release: Release) -> Pack:
    """Return the release's pack, locked: its owner stays who it is until this transaction ends."""
    return Pack.objects.select_for_update(no_key=True).get(pk=release.pack_id)


@transaction.atomic
def materialize_token(
    *, ask: TokenAsk, by: Creator, signature: bytes, now: datetime, is_contract: bool = False
) -> TokenSigning:
    """This will take the wallet's signature and ask the chain for the token; the platform pays the gas. Twice is once.

    `is_contract` tells that the wallet is a contract, which answers for the signature itself (ERC-1271): then only
    the chain can tell whether it is good. Raise UnableToMaterialize.
    """
    release = ask.release
    pack = _held(release)
    if pack.owner_id != by.pk:
        raise UnableToMaterialize(release, _("Only its owner may have the token of a release made."))
    if token_queries.current_ask(release) != ask:
        raise UnableToMaterialize(release, _("This wish is overtaken: look at the newest one and sign that."))
    if pack.transfer_proposals.filter(state=TransferProposal.State.OPEN).exists():
        raise UnableToMaterialize(release, _("Its transfer is proposed: withdraw that first, or wait for the answer."))
    if ledger.queries.is_taken_down(release.digest):
        raise UnableToMaterialize(release, _("The release is taken down."))
    state = token_queries.state_of(release)
    if state.step == "made":
        raise UnableToMaterialize(release, _("The release has its token."))
    if state.step == "signed" and state.signing is not None:
        return state.signing
    since = now - timedelta(days=1)
    if TokenSigning.objects.filter(ask__release=release, signed_at__gt=since).count() >= TRIES_A_DAY:
        text = _("The chain has refused it %(count)d times within a day, and we paid for that. Try again tomorrow.")
        raise UnableToMaterialize(release, text % {"count": TRIES_A_DAY})
    given = normalized(signature)
    if not is_contract and recover(token_queries.digest_of(ask), given) != checked(ask.wallet):
        raise UnableToMaterialize(release, _("The signature is not of the wallet %(wallet)s.") % {"wallet": ask.wallet})
    if not 0 < len(given) <= LONGEST_SIGNATURE:
        raise UnableToMaterialize(release, _("The signature is empty or too long."))
    return _ask_chain(ask, given, 1 + (state.signing.number if state.signing else 0), now)


def _ask_chain(ask: TokenAsk, signature: bytes, number: int, now: datetime) -> TokenSigning:
    anchor = token_queries.anchor_of(ask)
    proof = token_queries.proof_of(ask, anchor) if anchor else None
    if anchor is None or proof is None:
        text = _("The log's entry is not anchored on chain yet: it takes a minute or so. Try again then.")
        raise UnableToMaterialize(ask.release, text)
    root = bytes(anchor.intent.checkpoint.root)
    key = f"materialize:{ask.entry.entry_id}:{number}"
    ask_chain(
        key=key,
        role="keeper",
        contract=CONTRACT,
        function="materialize",
        args=(token_queries.struct_of(ask), root, proof.index, list(proof.hashes), signature),
        done=("AlreadyMaterialized",),
        later=("NotAnchored", "PausedUntil"),
        subject=f"release:{ask.release.digest}",
        now=now,
    )
    return TokenSigning.objects.create(
        ask=ask, number=number, signature=signature, anchor=anchor, call=key, signed_at=now
    )


# --- what the log has overtaken ----------------------------------------------------------------------------
def supersede_overtaken(*, now: datetime) -> int:
    """This will have the chain told which entries make no token any more, and return about how many releases.

    An entry is overtaken by the transfer of its release and by a later ask, once that is sealed. Releases for which
    nobody asked need nothing, nor do those that have their token: both cost no gas.
    """
    place = token_queries.token_place()
    if place is None:
        return 0
    told = TokenSupersession.objects.filter(release=OuterRef(OuterRef("release")), before__gte=OuterRef("index"))
    later = Leaf.objects.filter(
        ~Exists(told),
        entry__type__in=_OVERTAKING,
        entry__subject=Concat(Value("release:"), OuterRef("release__digest")),
        entry__id__gt=OuterRef("entry_id"),
    )
    asks = TokenAsk.objects.filter(chain_id=place[0].chain_id, contract=place[1])
    asks = asks.exclude(release__digest__in=TokenEvent.objects.filter(kind=TokenEvent.Kind.MADE).values("release"))
    count = 0
    for ask in asks.filter(Exists(later)).order_by("release", "entry").distinct("release").select_related("release"):
        with transaction.atomic():
            count += _supersede(ask, now)
    return count


def _supersede(ask: TokenAsk, now: datetime) -> int:
    _held(ask.release)
    subject = f"release:{ask.release.digest}"
    later = Entry.objects.filter(type__in=_OVERTAKING, subject=subject, id__gt=ask.entry_id)
    newest = Leaf.objects.filter(entry__in=later).order_by("-index").first()
    if newest is None or ask.release.token_supersessions.filter(before__gte=newest.index).exists():
        return 0
    key = f"supersede:{ask.release.digest}:{newest.index}"
    ask_chain(
        key=key,
        role="keeper",
        contract=CONTRACT,
        function="supersede",
        args=(bytes.fromhex(ask.release.digest), newest.index),
        done=("NotLater",),
        # The keeper's key may be another one now, and get its role later: what was overtaken stays so.
        later=("AccessControlUnauthorizedAccount",),
        subject=subject,
        now=now,
    )
    TokenSupersession.objects.create(release=ask.release, before=newest.index, call=key, asked_at=now)
    return 1


# --- what the chain says -----------------------------------------------------------------------------------
def take_token_events() -> int:
    """This will read what the chain said about tokens since the last time, and return how many events that were.

    Each event is taken once, however often and wherever this runs.
    """
    count = 0
    for name, read in _READ.items():
        while rows := _untaken(name):
            made = [read(row.pk, row.args) for row in rows]
            count += len(TokenEvent.objects.bulk_create(made, ignore_conflicts=True))
    return count


def _untaken(name: str) -> list[object]:
    last = TokenEvent.objects.filter(event__event=name).order_by("-event").values_list("event", flat=True).first()
    return list(events(CONTRACT, name, after=last or 0, limit=_AT_ONCE))


def _made(event: int, args: dict[str, object]) -> TokenEvent:
    release, leaf = (str(args[name]).removeprefix("0x") for name in ("release", "leaf"))
    return TokenEvent(event_id=event, kind=TokenEvent.Kind.MADE, release=release, leaf=leaf)


def _moved(event: int, args: dict[str, object]) -> TokenEvent:
    release = int(str(args["tokenId"])).to_bytes(32, "big").hex()
    return TokenEvent(event_id=event, kind=TokenEvent.Kind.MOVED, release=release, holder=str(args["to"]).lower())


def _superseded(event: int, args: dict[str, object]) -> TokenEvent:
    release = str(args["release"]).removeprefix("0x")
    return TokenEvent(event_id=event, kind=TokenEvent.Kind.SUPERSEDED, release=release, before=int(str(args["before"])))


_READ = {"Materialized": _made, "Transfer": _moved, "EntriesSuperseded": _superseded}


def watch_tokens(*, now: datetime) -> int:
    """This will log each disagreement between log and chain as an error, and return how many there are.

    So does an entry that was overtaken and of which the chain would not be told: it could still make a token.
    """
    found = [f"Log and chain disagree: {one}" for one in token_queries.disagreements(now=now)]
    refused = ChainOutcome.objects.filter(state=ChainOutcome.REFUSED).values("call__key")
    made = TokenEvent.objects.filter(kind=TokenEvent.Kind.MADE).values("release")
    for row in TokenSupersession.objects.filter(call__in=refused).exclude(release__digest__in=made):
        found.append(f"The chain was not told that the log has overtaken {row.release} before leaf {row.before}.")
    for one in found:
        LOGGER.error("%s", one)
    return len(found)
