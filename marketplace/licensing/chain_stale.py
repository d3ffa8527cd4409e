"""What is sold on a chain and could not be signed so today: found in a few questions, however much is open."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ledger.chain.suite import Suite, suite
from ledger.chain_models import ChainCall, ChainOutcome
from marketplace.licensing import chain_closing, exclusivity
from marketplace.licensing.chain_offer_models import ChainOffer, ChainOfferClosing
from marketplace.licensing.holdings import Exclusivity

AT_ONCE = 1_000
SOON = timedelta(seconds=1)
_CLOSING = ChainOfferClosing

# An offer's nonce that was closed on its chain, by whomever; what the chain took back was not said.
_CLOSED_THERE = """
EXISTS (SELECT FROM ledger_chain_event e
         WHERE e.contract = 'LicenseMarket' AND e.event = 'OfferClosed'
           AND e.chain_id = licensing_chainoffer.chain_id AND e.address = licensing_chainoffer.market
           AND e.args->>'licensor' = licensing_chainoffer.licensor
           AND (e.args->>'nonce')::numeric = licensing_chainoffer.nonce
           AND NOT EXISTS (SELECT FROM ledger_chain_event_lost l WHERE l.event_id = e.id))
"""


def close_stale(*, now: datetime) -> int:
    """This will close what is sold on the chain and could not be signed so today; tell how many that is.

    Most changes close it themselves, at once. This finds the rest: what its licensor closed on the chain, what is of
    contracts or a token that others took the place of, a pack that was handed over, a new fee, what was signed in the
    moment in which it ended. What a contract refused to close is asked for again.
    """
    known = suite()
    closed = 0
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
    yield _CLOSING.CANCELLED, rows.extra(where=[_CLOSED_THERE])
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


def _ask_again(now: datetime) -> None:
    """Asks anew for closings that the contract refused, while somebody could still buy and nothing was closed there."""
    rows = ChainOffer.objects.filter(closing__isnull=False, deadline__gte=now.replace(microsecond=0))
    rows = rows.exclude(closing__reason=_CLOSING.CANCELLED).extra(
        where=[
            f"NOT {_CLOSED_THERE}",
            "EXISTS (SELECT FROM ledger_chain_outcome o JOIN ledger_chain_call c ON c.id = o.call_id"
            " WHERE c.subject = 'chain-offer:' || licensing_chainoffer.digest AND o.state = 'refused')",
        ]
    )
    for row in rows[:AT_ONCE]:
        asked = ChainCall.objects.filter(subject=chain_closing.subject_of(row)).order_by("-id")
        newest = asked.first()
        if newest is not None and ChainOutcome.objects.filter(call=newest, state=ChainOutcome.REFUSED).exists():
            chain_closing.ask_to_close(row, number=asked.count() + 1, now=now)
