"""What is sold on a chain and could not be signed so today: found in a few questions, however much is open."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from ledger import event_queries
from ledger.chain.suite import Suite, suite
from ledger.chain_models import ChainCall, ChainOutcome
from marketplace.licensing import chain_closing, exclusivity
from marketplace.licensing.chain_offer_models import ChainClosingRead, ChainOffer, ChainOfferClosing
from marketplace.licensing.holdings import Exclusivity

AT_ONCE, EVENTS = 1_000, 5_000
_LOCK = 0x700C9
SOON = timedelta(seconds=1)
_CLOSING = ChainOfferClosing


def close_stale(*, now: datetime) -> int:
    """This will close what is sold on the chain and could not be signed so today; tell how many that is.

    Most changes close it themselves, at once. This finds the rest: what its licensor closed on the chain, what is of
    contracts or a token that others took the place of, a pack that was handed over, a new fee, what was signed in the
    moment in which it ended. What a contract refused to close is asked for again.
    """
    known = suite()
    closed = _take_in_cancelled(now)
    for reason, rows in _stale(chain_closing.open_now(ChainOffer.objects.all(), now), known):
        closed += _close(rows[:AT_ONCE], reason, now)
    taken = chain_closing.open_now(_of_packs_taken(), now).select_related("offer__terms", "offer__release")
    closed += _close((row for row in taken if _is_taken(row, now)), _CLOSING.EXCLUSIVE, now)
    _ask_again(now)
    return closed


def close_all(*, now: datetime) -> int:
    """This will close everything that is sold on the chain, before contracts take the place of others."""
    return _close(chain_closing.open_now(ChainOffer.objects.all(), now), _CLOSING.SUCCESSOR, now)


def of_the_suite(known: Suite | None) -> Q:
    """This will pick offers of the contracts and tokens that stand now; none where there are none."""
    if known is None:
        return Q(pk=None)
    tokens = Q(pk=None)
    for token in known.tokens.values():
        tokens |= Q(currency=token.currency, token=token.address)
    return Q(tokens, chain_id=known.chain_id, market=known.addresses.get("LicenseMarket", ""))


def _stale(rows: QuerySet[ChainOffer], known: Suite | None) -> Iterable[tuple[str, QuerySet[ChainOffer]]]:
    yield _CLOSING.WITHDRAWN, rows.filter(offer__withdrawal__isnull=False)
    yield _CLOSING.TRANSFERRED, rows.exclude(offer__release__pack__owner=F("by"))
    yield _CLOSING.FEE, rows.exclude(fee_bps=settings.PLATFORM_FEE_PPB // 100_000)
    if known is not None:
        yield _CLOSING.SUCCESSOR, rows.exclude(of_the_suite(known))


def _of_packs_taken() -> QuerySet[ChainOffer]:
    taken = Exclusivity.objects.filter(pack=OuterRef("offer__release__pack"), ended_at=None)
    return ChainOffer.objects.filter(Exists(taken))


def _is_taken(row: ChainOffer, now: datetime) -> bool:
    terms = exclusivity.terms_of(row.offer)
    return bool(exclusivity.standing(terms=terms, pack=row.offer.release.pack_id, starts_at=now, ends_at=now + SOON))


def _close(rows: Iterable[ChainOffer], reason: str, now: datetime) -> int:
    closed = 0
    for row in rows:
        with transaction.atomic():
            closed += chain_closing.close_one(chain_offer=row, reason=reason, now=now)
    return closed


@transaction.atomic
def _take_in_cancelled(now: datetime) -> int:
    """Closes what the chain says is closed: each event is read once, and those of nobody's offers are passed by.

    Anybody may close a nonce of their own for the price of a transaction, so that these events may be many.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    newest = ChainClosingRead.objects.order_by("-id").first()
    events = event_queries.events("LicenseMarket", "OfferClosed", after=newest.through if newest else 0, limit=EVENTS)
    if not events:
        return 0
    ChainClosingRead.objects.create(through=events[-1].pk, read_at=now)
    # Ours are below 2^63.
    said = {
        (one.chain_id, one.address, one.args["licensor"], one.args["nonce"])
        for one in events
        if one.args["nonce"] < 2**63
    }
    rows = ChainOffer.objects.filter(closing=None, nonce__in={nonce for *_place, nonce in said})
    mine = [row for row in rows if (row.chain_id, row.market, row.licensor, row.nonce) in said]
    return _close(mine, _CLOSING.CANCELLED, now)


def _ask_again(now: datetime) -> None:
    """Asks anew for closings that the contract refused, while somebody could still buy; closing twice is closing."""
    newest = ChainCall.objects.filter(subject=Concat(Value("chain-offer:"), OuterRef("digest"))).order_by("-id")
    rows = ChainOffer.objects.filter(closing__isnull=False, deadline__gte=now.replace(microsecond=0))
    rows = rows.exclude(closing__reason=_CLOSING.CANCELLED)
    refused = rows.alias(stands=Subquery(newest.values("outcome__state")[:1])).filter(stands=ChainOutcome.REFUSED)
    for row in refused[:AT_ONCE]:
        number = ChainCall.objects.filter(subject=chain_closing.subject_of(row)).count() + 1
        chain_closing.ask_to_close(row, number=number, now=now)
