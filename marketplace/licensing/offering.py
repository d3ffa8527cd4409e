"""Every write about offers: made, priced anew, withdrawn, taken down."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

import ledger.operations
import ledger.queries
from ledger.custody import own_key
from ledger.signing.base import Signer
from marketplace.catalog.models import Release
from marketplace.licensing import chain_closing, parentage, pricing, pricing_queries, queries, rules
from marketplace.licensing.contracts import counted_of
from marketplace.licensing.models import Offer, OfferPrice, OfferWithdrawal, TermsText
from marketplace.licensing.months import NO_LIMITS, MonthLimits, check_month, limits_of
from marketplace.licensing.pricing import Tier, UnableToPrice
from marketplace.licensing.terms.document import terms_document
from marketplace.licensing.terms.model import Terms, within_consent
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.words import text_of
from marketplace.payouts.rules import Money
from marketplace.ui.formats import sentence

Tiers = Sequence[Tier | Mapping[str, Any]]


class UnableToOffer(Exception):
    """The offer could not be made, priced or withdrawn."""

    code = "offer-refused"

    def __init__(self, release: Release | None, reason: str) -> None:
        super().__init__(reason)
        self.release, self.reason = release, reason


@dataclass(frozen=True, slots=True)
class Wanted:
    """An offer that somebody wants to make, with everything that `offer` takes for it."""

    terms: Terms
    price: Money
    model: str = "one-off"
    unit: str = ""
    share_ppb: int = 0
    tiers: tuple[Tier, ...] = ()
    month: MonthLimits = NO_LIMITS


def _terms_text(terms: Terms, now: datetime) -> TermsText:
    document = terms_document(terms)
    row, _made = TermsText.objects.get_or_create(
        digest=rules.digest(document),
        defaults={
            "name": terms.name,
            "document": document,
            "text_en": text_of(terms, "en"),
            "text_zh_hans": text_of(terms, "zh-hans"),
            "created_at": now,
        },
    )
    return row


def ready_terms(name: str) -> Terms:
    """This will find ready-made terms by name, or raise UnableToOffer."""
    try:
        return READY[name]
    except KeyError:
        known = ", ".join(READY)
        raise UnableToOffer(
            None, _("“%(name)s” names no terms: use one of %(known)s.") % {"name": name[:40], "known": known}
        ) from None


@transaction.atomic
def offer(
    *,
    release: Release,
    terms: Terms,
    price: Money,
    now: datetime,
    model: str = "one-off",
    unit: str = "",
    share_ppb: int = 0,
    tiers: Tiers = (),
    month: MonthLimits = NO_LIMITS,
    signer: Signer | None = None,
    seed: bytes = b"",
) -> Offer:
    """This will offer a release under terms at a price; the log holds the terms and a commitment to the price.

    `model` says what the price is for (docs/prices.md); `unit` and `month` go with `metered`, `share_ppb` with
    `revenue-share`.
    The fact is signed by `signer`, the owner's key that is kept here when there is none. The offer's id and salt are
    drawn from `seed` where there is one, so that a rehearsal and what follows it state the same.
    The same terms and model at the same price again are the offer that is there, which stays withdrawn if it was; at
    another price they are refused: `change_price` is for that.
    """
    steps = _checked(release, terms, price, model, unit, share_ppb, tiers, month)
    unit = unit.strip()
    row = _terms_text(within_consent(terms, release.ai_training), now)
    asked = {"release": release, "terms": row, "currency": price.currency, "model": model, "unit": unit}
    if there := _offered(asked, price, share_ppb, steps, month):
        return there
    parentage.check_offer(
        release=release, terms=terms, now=now, counted=counted_of(model, unit, price, steps, month.cap_minor)
    )
    kind = () if model == "one-off" else (model, unit)
    offer_id, salt = rules.drawn(seed or secrets.token_bytes(32), release.digest, row.digest, price.currency, *kind)
    try:
        with transaction.atomic():
            made = Offer.objects.create(
                id=offer_id, price_minor=price.amount_minor, share_ppb=share_ppb, salt=salt, created_at=now, **asked
            )
            first = OfferPrice.objects.create(
                offer=made,
                number=0,
                price_minor=made.price_minor,
                tiers=[asdict(one) for one in steps],
                starts_at=now,
                month_minimum_minor=month.minimum_minor,
                month_cap_minor=month.cap_minor,
                salt=salt,
                created_at=now,
            )
    except IntegrityError:  # licensing_terms_are_offered_once: somebody was a moment faster
        if there := _offered(asked, price, share_ppb, steps, month):
            return there
        raise
    body = {"offer": str(made.pk), "release": release.digest, "terms": row.digest}
    _state("offer", made, body | {"price_commitment": commitment_of(first)}, signer, now)
    return made


def _checked(
    release: Release,
    terms: Terms,
    price: Money,
    model: str,
    unit: str,
    share_ppb: int,
    tiers: Tiers,
    month: MonthLimits,
) -> tuple[Tier, ...]:
    """Raises UnableToOffer for terms that allow nothing and for a price that cannot be."""
    if terms.allows_nothing:
        raise UnableToOffer(
            release,
            _("“%(terms)s” allows nothing: give it a territory, a field of use and a medium.") % {"terms": terms.name},
        )
    if not 0 <= price.amount_minor <= rules.PRICE_LIMIT_MINOR:
        raise UnableToOffer(
            release,
            _("The price of “%(terms)s” must be between 0 and %(limit)s minor units of %(currency)s.")
            % {"terms": terms.name, "limit": rules.PRICE_LIMIT_MINOR, "currency": price.currency},
        )
    try:
        pricing.check_price(model=model, price_minor=price.amount_minor, unit=unit, share_ppb=share_ppb)
        check_month(model=model, limits=month)
        steps = pricing.read_tiers(tiers, model=model)
    except UnableToPrice as error:
        raise UnableToOffer(
            release, _("The price of “%(terms)s”: %(reason)s") % {"terms": terms.name, "reason": sentence(error)}
        ) from error
    if terms.exclusive and model not in ("one-off", "on-request", *pricing.PERIODS):
        raise UnableToOffer(release, _("“%s” is exclusive: it is sold once, for a period, or on request.") % terms.name)
    return steps


def _offered(
    asked: Mapping[str, Any], price: Money, share_ppb: int, tiers: tuple[Tier, ...], month: MonthLimits
) -> Offer | None:
    """Finds the offer that is there already, or raises UnableToOffer where it is not the one asked for."""
    there = Offer.objects.filter(**asked).first()
    if there is None:
        return None
    first = there.prices.get(number=0)
    known = (there.price_minor, there.share_ppb, pricing.read_tiers(first.tiers, model=there.model), limits_of(first))
    if known != (price.amount_minor, share_ppb, tiers, month):
        raise UnableToOffer(
            there.release,
            _("%(release)s is already offered under “%(terms)s” in %(currency)s at another price.")
            % {"release": there.release, "terms": there.terms.name, "currency": price.currency},
        )
    return there


def commitment_of(price: OfferPrice) -> str:
    """This will give the digest by which the log knows a price (docs/formats/price.md)."""
    offer = price.offer
    return rules.digest(
        pricing.price_document(
            offer=str(offer.pk),
            number=price.number,
            kind=price.kind,
            model=offer.model,
            unit=offer.unit,
            share_ppb=offer.share_ppb,
            price_minor=price.price_minor,
            currency=offer.currency,
            tiers=pricing.read_tiers(price.tiers, model=offer.model),
            starts_at=price.starts_at if price.number else None,
            ends_at=price.ends_at,
            most_sales=price.most_sales,
            salt=price.salt,
            month_minimum_minor=price.month_minimum_minor,
            month_cap_minor=price.month_cap_minor,
        )
    )


def _state(type: str, offer: Offer, body: Mapping[str, Any], signer: Signer | None, now: datetime) -> None:
    ledger.operations.state(
        type=type,
        subject=f"offer:{offer.pk}",
        body=body,
        now=now,
        signers=[signer or ledger.operations.signer_of(creator=offer.release.pack.owner, now=now)],
    )


@transaction.atomic
def change_price(
    *,
    offer: Offer,
    price_minor: int,
    now: datetime,
    kind: str = OfferPrice.REGULAR,
    tiers: Tiers = (),
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    most_sales: int = 0,
    month: MonthLimits | None = None,
    signer: Signer | None = None,
    seed: bytes = b"",
) -> OfferPrice:
    """This will add a price to an offer's history from `starts_at` on (now by default), and state it.

    Of the prices whose time it is the newest counts. A `sale` ends at `ends_at`, an `early-bird` price there or after
    `most_sales`; then the newest regular price counts again. Without tiers of its own it keeps those of the regular
    price; no tier is dearer than it. Without `month` it keeps the least and the most of a month. Running subscriptions
    pay the new price from their next renewal on; what is ordered keeps its own. The same regular price again changes
    nothing. Raises UnableToOffer.
    """
    offer = Offer.objects.select_for_update(no_key=True).select_related("terms").get(pk=offer.pk)
    begins = starts_at or now
    newest = OfferPrice.objects.filter(offer=offer).order_by("-number").first()
    assert newest is not None
    month = limits_of(newest) if month is None else month
    steps = _priced_anew(offer, price_minor, kind, tiers, (begins, ends_at), most_sales, now, month)
    price = Money(price_minor, offer.currency)
    counted = counted_of(offer.model, offer.unit, price, steps, month.cap_minor)
    parentage.check_counted(offer=offer, counted=counted, now=now)
    number, kept = newest.number + 1, [asdict(one) for one in steps]
    known = (newest.kind, newest.price_minor, newest.tiers, limits_of(newest))
    same = known == (OfferPrice.REGULAR, price_minor, kept, month)
    if kind == OfferPrice.REGULAR and same and newest.starts_at <= begins:
        return newest
    _row_id, salt = rules.drawn(seed or secrets.token_bytes(32), str(offer.pk), str(number))
    row = OfferPrice.objects.create(
        offer=offer,
        number=number,
        kind=kind,
        price_minor=price_minor,
        tiers=kept,
        starts_at=begins,
        ends_at=ends_at,
        most_sales=most_sales,
        month_minimum_minor=month.minimum_minor,
        month_cap_minor=month.cap_minor,
        salt=salt,
        created_at=now,
    )
    _state("offer-price", offer, {"offer": str(offer.pk), "price_commitment": commitment_of(row)}, signer, now)
    chain_closing.close_on_chain(offers=[offer.pk], reason=chain_closing.PRICE, now=now)
    return row


def _priced_anew(
    offer: Offer,
    price_minor: int,
    kind: str,
    tiers: Tiers,
    times: tuple[datetime, datetime | None],
    most_sales: int,
    now: datetime,
    month: MonthLimits,
) -> tuple[Tier, ...]:
    """Raises UnableToOffer for a price that this offer cannot have."""
    (begins, ends), release = times, offer.release
    special = kind in (OfferPrice.EARLY_BIRD, OfferPrice.SALE)
    refused = {
        _("The offer “%s” is no longer sold: its price cannot change."): hasattr(offer, "withdrawal"),
        _("The offer “%s” has no price that could change."): offer.model in pricing.WITHOUT_PRICE,
        _("A price of “%s” is regular, early-bird or sale."): kind != OfferPrice.REGULAR and not special,
        _("Only a fixed price can be on sale: “%s” has none."): special and offer.model not in pricing.DISCOUNTABLE,
        _("A price of “%s” cannot begin in the past."): begins < now,
        _("A price of “%s” must end after it begins."): ends is not None and ends <= begins,
        _("A regular price of “%s” has no end: the next one ends it."): (
            not special and (ends is not None or most_sales > 0)
        ),
        _("A sale of “%s” needs the moment when it ends."): kind == OfferPrice.SALE and ends is None,
        _("An early-bird price of “%s” needs an end or a number of sales."): (
            kind == OfferPrice.EARLY_BIRD and ends is None and most_sales < 1
        ),
        _("Only an early-bird price of “%s” ends after a number of sales."): (
            kind != OfferPrice.EARLY_BIRD and most_sales != 0
        ),
        _("An early-bird price of “%s” is for at most a billion sales."): not 0 <= most_sales <= pricing.TIMES_LIMIT,
    }
    for template, wrong in refused.items():
        if wrong:
            raise UnableToOffer(release, template % offer.terms.name)
    try:
        pricing.check_price(model=offer.model, price_minor=price_minor, unit=offer.unit, share_ppb=offer.share_ppb)
        check_month(model=offer.model, limits=month)
        steps = pricing.read_tiers(tiers, model=offer.model)
    except UnableToPrice as error:
        raise UnableToOffer(
            release, _("The price of “%(terms)s”: %(reason)s") % {"terms": offer.terms.name, "reason": sentence(error)}
        ) from error
    regular = pricing_queries.regular_price(offer, begins)
    if special and price_minor >= regular.price_minor:
        raise UnableToOffer(release, _("A special price of “%s” is below the regular one.") % offer.terms.name)
    if special:
        # Nobody pays more because something is on sale.
        kept = steps or pricing.read_tiers(regular.tiers, model=offer.model)
        return tuple(replace(one, price_minor=min(one.price_minor, price_minor)) for one in kept)
    return steps


@transaction.atomic
def withdraw_offer(*, offer: Offer, now: datetime, signer: Signer | None = None) -> OfferWithdrawal:
    """This will stop the sale of an offer and state it; grants stay as they are. Doing it twice changes nothing."""
    # Grants that are being made end first, so that the log has both in their order.
    Offer.objects.select_for_update().get(pk=offer.pk)
    row, made = OfferWithdrawal.objects.get_or_create(offer=offer, defaults={"withdrawn_at": now})
    if made:
        _state("offer-withdrawal", offer, {"offer": str(offer.pk)}, signer, now)
        chain_closing.close_on_chain(offers=[offer.pk], reason=chain_closing.WITHDRAWN, now=now)
    return row


@transaction.atomic
def take_down(*, release: Release, claim: UUID, now: datetime) -> None:
    """This will stop the sale of a release for a claim: its offers are withdrawn, whoever's key signs for the owner.

    A key that is kept here signs that; where it is the owner's own, the log says that the release is taken down.
    """
    offers = list(queries.live_offers(release))
    chain_closing.close_on_chain(offers=[one.pk for one in offers], reason=chain_closing.TAKEN_DOWN, now=now)
    if own_key(release.pack.owner) is None:
        for one in offers:
            withdraw_offer(offer=one, now=now)
        return
    # As with `withdraw_offer`: grants that are being made end first.
    list(Offer.objects.select_for_update().filter(pk__in=[one.pk for one in offers]).order_by("pk"))
    OfferWithdrawal.objects.bulk_create(
        [OfferWithdrawal(offer=one, withdrawn_at=now) for one in offers], ignore_conflicts=True
    )
    subject = f"release:{release.digest}"
    if not ledger.queries.is_taken_down(release.digest):
        body = {"release": release.digest, "status": "taken-down", "reason": "claim", "claim": str(claim)}
        ledger.operations.state(type="takedown", subject=subject, body=body, now=now)


@transaction.atomic
def offer_all(
    *,
    release: Release,
    offers: Sequence[Wanted | tuple[Terms, Money]],
    now: datetime,
    signer: Signer | None = None,
    seed: bytes = b"",
) -> list[Offer]:
    """This will make several offers for a release, or none; a pair of terms and price is a one-off one."""
    wanted = [one if isinstance(one, Wanted) else Wanted(*one) for one in offers]
    return [
        offer(
            release=release,
            terms=one.terms,
            price=one.price,
            model=one.model,
            unit=one.unit,
            share_ppb=one.share_ppb,
            tiers=one.tiers,
            month=one.month,
            now=now,
            signer=signer,
            seed=seed,
        )
        for one in wanted
    ]
