"""Placing orders: what is asked for is priced and fixed, with the intent to charge for it; no money moves here."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from marketplace.checkout import rules, trying
from marketplace.checkout.asking import Ask, Quoted, QuotedLine, UnableToBuy, UnableToBuySoLittle, asks_in
from marketplace.checkout.charges import UsageChargeLine
from marketplace.checkout.gateways.base import HOSTED, AskedOfFormer, Gateway, UnableToUseMethod
from marketplace.checkout.lines import lock, quoted
from marketplace.checkout.method_models import PaymentMethod
from marketplace.checkout.models import Order, OrderLine, PaymentAttempt
from marketplace.checkout.taxes import ordering as taxes
from marketplace.licensing import exclusivity
from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import UsageReport
from marketplace.licensing.models import Grant, Offer, OfferPrice
from marketplace.licensing.rules import PRICE_LIMIT_MINOR
from marketplace.licensing.terms.model import shown
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.formats import money_text
from marketplace.ui.words import Words, Written

FREE = "free"
SAVED = "saved:"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OURS = ("subscription:", "usage:", "recipe-quote:")
"""How the idempotency keys of orders begin that the site names itself: renewals, bills for use, quotes of recipes."""


class KeyUsedOtherwise(Exception):
    """The idempotency key already stands for another order."""

    code = "idempotency-key-reused"

    def __init__(self, key: str) -> None:
        super().__init__(
            _("The idempotency key “%s” already stands for another order: use a new key for a new order.") % key
        )
        self.key = key


def gateway() -> Gateway:
    """This will load the payment adapter that settings name."""
    return import_string(settings.ADAPTERS["payments"])()  # type: ignore[no-any-return]


def gateway_of(name: str) -> Gateway:
    """This will load the payment adapter for what was asked of a gateway; raises AskedOfFormer where payments go
    through another one by now: that one knows nothing of it."""
    port = gateway()
    if name != port.name:
        raise AskedOfFormer(f"it was asked of {name}, and payments go through {port.name} now")
    return port


def token_of(studio: Studio, method: str) -> str:
    """This will name what a buyer pays with: what is typed, nothing for the gateway's own page, or SAVED and the id of
    a card that the studio keeps. Raises UnableToUseMethod.
    """
    if not method.startswith(SAVED):
        return gateway().method(method)
    name = method.removeprefix(SAVED)
    rows = PaymentMethod.objects.filter(studio=studio, gateway=gateway().name, end=None)
    kept = rows.filter(pk=name).first() if _UUID.fullmatch(name) else None
    if kept is None:
        raise UnableToUseMethod(_("This way to pay was removed: choose another one."))
    return kept.token


def quote(*, studio: Studio, offers: Sequence[Offer | Ask], now: datetime, with_taxes: bool = True) -> Quoted:
    """This will say what an order would cost, each line explained; it writes nothing and holds nothing.

    Raises what `place_order` raises for what cannot be ordered. Send a line's price as `expect_minor` to buy at
    that price or not at all. Inside a transaction, ask without taxes and add them by `taxes.ordering.quoted_with`.
    """
    asks = asks_in(offers)
    priced = quoted(studio=studio, asks=asks, now=now)
    for line in priced.lines:
        period = _period(studio, line, now)
        exclusivity.check_exclusivity(offer=line.offer, studio=studio, upgrades=_upgraded(line), **period._asdict())
    return taxes.taxed_quote(priced, studio=studio, now=now) if with_taxes else priced


def place_order(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer | Ask],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will fix an order and, where there is something to pay, the intent to charge for it.

    What costs nothing, now or later, needs no `method`; what costs less than the gateway takes is refused. Raises
    UnableToBuy, UnableToUseMethod, KeyUsedOtherwise, UnableToGrant or UnableToGrantExclusively, having written nothing.
    """
    if not rules.is_idempotency_key(idempotency_key) or idempotency_key.startswith(OURS):
        raise UnableToBuy(_("An order needs an idempotency key of 1 to 200 visible ASCII characters."))
    return place_for(studio=studio, buyer=buyer, offers=offers, method=method, idempotency_key=idempotency_key, now=now)


def place_for(
    *,
    studio: Studio,
    buyer: Person,
    offers: Sequence[Offer | Ask],
    method: str,
    idempotency_key: str,
    now: datetime,
) -> Order:
    """This will do as `place_order`, under a key that the site chose itself."""
    if not Seat.objects.filter(studio=studio, person=buyer, role__in=[Seat.OWNER, Seat.BUYER]).exists():
        raise UnableToBuy(_("You cannot buy for %s: ask its owner for a buyer's seat.") % studio.name)
    asks = asks_in(offers)
    free = not method.strip() or (bool(asks) and all(_costs_nothing(ask) for ask in asks))
    token = FREE if free else token_of(studio, method)
    return place(
        studio=studio, buyer=buyer, asks=asks, token=token, idempotency_key=idempotency_key, now=now, method=method
    )


def place(
    *,
    studio: Studio,
    buyer: Person,
    asks: Sequence[Ask],
    token: str,
    idempotency_key: str,
    now: datetime,
    method: str = "",
) -> Order:
    """This will place an order with a way to pay that the gateway named before; `place_order` says the rest."""
    _check_readable(asks)
    request = rules.request_digest(
        offers=[str(ask.offer.pk) for ask in asks], method=token, more=[ask.shape() for ask in asks]
    )
    # Before what is for sale now is looked at: an order that stands is not undone by an offer withdrawn since.
    if there := _placed(studio, idempotency_key, request):
        return there
    bought = any(ask.subscription is None for ask in asks)
    ahead = taxes.asked_ahead(
        lambda: quoted(studio=studio, asks=asks, now=now), studio=studio, now=now, is_bought=bought
    )
    try:
        with transaction.atomic():
            exclusivity.lock_packs(offers=[ask.offer for ask in asks])
            lock(asks)
            # The same request a moment earlier has what this one waited for.
            if there := _placed(studio, idempotency_key, request):
                return there
            priced = quoted(studio=studio, asks=asks, now=now)
            priced = taxes.taxed_order(priced, studio=studio, now=now, is_bought=bought, ahead=ahead)
            check_least(priced.total_minor, priced.currency)
            if priced.needs_method and token == FREE:
                token = token_of(studio, method)
            return _write(studio, buyer, priced, token, idempotency_key, request, now)
    except IntegrityError:
        if there := _placed(studio, idempotency_key, request):
            return there
        raise


def check_least(total_minor: int, currency: str) -> None:
    """This will raise UnableToBuySoLittle for an order that costs something, but less than the gateway takes."""
    if total_minor and total_minor < (least := gateway().least_minor(currency)):
        raise UnableToBuySoLittle(
            _("This comes to %(total)s, and the least that can be paid by card is %(least)s.")
            % {"total": money_text(total_minor, currency), "least": money_text(least, currency)}
        )


def _check_readable(asks: Sequence[Ask]) -> None:
    """Raises UnableToBuy for what a request's digest cannot hold."""
    if any(not -PRICE_LIMIT_MINOR <= number <= PRICE_LIMIT_MINOR for ask in asks for number in ask.numbers()):
        raise UnableToBuy(_("The amount or the number of seats is more than the books can hold: give less."))
    for ask in asks:
        code = ask.code.strip()
        if shown(code) != code:
            raise UnableToBuy(
                _("The code “%s” takes nothing off what you chose: check it, or leave it out.") % shown(code)
            )


def _costs_nothing(ask: Ask) -> bool:
    """Whether there is nothing to pay whatever happened to prices since; then the card says nothing of the order."""
    if ask.offer.model == "one-off" and not ask.offer.price_minor:
        return not OfferPrice.objects.filter(offer=ask.offer, number__gt=0).exists()
    if ask.offer.model == "pay-what-you-want":
        return not ask.pays_minor and not ask.offer.price_minor
    return ask.offer.model == "free"


def _placed(studio: Studio, idempotency_key: str, request: str) -> Order | None:
    """Finds the order that the key stands for; raises KeyUsedOtherwise when that was another request."""
    there = Order.objects.filter(studio=studio, idempotency_key=idempotency_key).first()
    if there is not None and there.request_sha256 != request:
        raise KeyUsedOtherwise(idempotency_key)
    return there


def _write(
    studio: Studio, buyer: Person, priced: Quoted, token: str, idempotency_key: str, request: str, now: datetime
) -> Order:
    order = write_order(
        studio=studio,
        buyer=buyer,
        currency=priced.currency,
        total_minor=priced.total_minor,
        token=token,
        idempotency_key=idempotency_key,
        request=request,
        now=now,
    )
    lines = [_row(order, place, line) for place, line in enumerate(priced.lines)]
    for row, line in zip(lines, priced.lines, strict=True):
        taxes.put_in(row, line.taxes, is_included=priced.tax_included)
    OrderLine.objects.bulk_create(lines)
    days = zip(lines, (line.trial_days for line in priced.lines), strict=True)
    trying.keep_trials(studio, [(row, trial) for row, trial in days if trial])
    taxes.write(order, lines, priced.taxed)
    for row, line in zip(lines, priced.lines, strict=True):
        # Whether somebody else has what a plain license covers was seen as it was priced, in this transaction.
        if exclusivity.terms_of(line.offer).exclusive:
            _claim(studio, row, line, now)
    return order


def write_order(
    *,
    studio: Studio,
    buyer: Person,
    currency: str,
    total_minor: int,
    token: str,
    idempotency_key: str,
    request: str,
    now: datetime,
) -> Order:
    """This will write the head of an order and, where there is something to pay, the intent to charge for it."""
    order = Order.objects.create(
        studio=studio,
        buyer=buyer,
        currency=currency,
        total_minor=total_minor,
        idempotency_key=idempotency_key,
        request_sha256=request,
        method="" if token == FREE else token,
        placed_at=now,
    )
    # Where nothing is due now and a card is to be kept, the gateway's page asks for it.
    if total_minor or token == HOSTED:
        PaymentAttempt.objects.create(
            order=order, number=1, gateway=gateway().name, key=f"order:{order.pk}:1", method=token, intended_at=now
        )
    return order


def _row(order: Order, place: int, line: QuotedLine) -> OrderLine:
    ask = line.ask
    return OrderLine(
        order=order,
        position=place,
        offer=ask.offer,
        kind=ask.kind,
        price_minor=line.price_minor,
        fee_minor=rules.platform_fee(line.price_minor, settings.PLATFORM_FEE_PPB),
        list_minor=line.list_minor,
        credit_minor=line.credit_minor,
        explained=[kept(words) for words in line.lines],
        price=line.price,
        code=line.code,
        quote=ask.quote,
        collection=ask.collection,
        replaces=ask.replaces,
        subscription=ask.subscription,
        project=ask.project,
        seats=line.seats,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
    )


def bill_row(
    *,
    order: Order,
    place: int,
    grant: Grant,
    price_minor: int,
    fee_minor: int | None = None,
    lines: Sequence[Words],
    price: OfferPrice,
    report: UsageReport | None = None,
    charge_line: UsageChargeLine | None = None,
) -> OrderLine:
    """This will make the line, not saved yet, that bills reported use or revenue, or a line of what uses cost."""
    return OrderLine(
        order=order,
        position=place,
        offer=grant.offer,
        kind=OrderLine.USAGE,
        price_minor=price_minor,
        fee_minor=rules.platform_fee(price_minor, settings.PLATFORM_FEE_PPB) if fee_minor is None else fee_minor,
        list_minor=price_minor,
        explained=[kept(words) for words in lines],
        price=price,
        report=report,
        charge_line=charge_line,
        replaces=grant,
        project=grant.project,
    )


def _claim(studio: Studio, row: OrderLine, line: QuotedLine, now: datetime) -> None:
    """Takes what the line has exclusively, before anybody is charged."""
    exclusivity.take_exclusivity(
        offer=line.offer,
        studio=studio,
        source=row.source,
        now=_after_others(line.offer, now),
        upgrades=_upgraded(line),
        **_period(studio, line, now)._asdict(),
    )


def _after_others(offer: Offer, now: datetime) -> datetime:
    """Tells when exclusivity is taken: not before the orders that are placed already, whose clock may have run ahead.

    While one waits for the pack another may order it later, and before: the database honors what was ordered by then.
    """
    ahead = OrderLine.objects.filter(offer__release__pack=offer.release.pack_id, order__placed_at__gt=now)
    return max(now, ahead.aggregate(newest=Max("order__placed_at"))["newest"] or now)


def _upgraded(line: QuotedLine) -> Grant | None:
    return line.ask.replaces if line.ask.kind == OrderLine.UPGRADE else None


def _period(studio: Studio, line: QuotedLine, now: datetime) -> Any:
    return licensing.check_grant(
        offer=line.offer,
        studio=studio,
        now=now,
        seats=line.seats,
        project=line.ask.project,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        kind=Grant.NEW if line.ask.kind == OrderLine.BUY else line.ask.kind,
        replaces=line.ask.replaces,
    )


def kept(words: Words) -> dict[str, Any]:
    """This will write words so that they can be kept and said again in any language."""
    return {"template": words.template, "values": {name: _kept(value) for name, value in words.values.items()}}


def _kept(value: Any) -> Any:
    if isinstance(value, Written):
        return {"kind": value.kind, "value": value.value}
    return kept(value) if isinstance(value, Words) else value


def said(row: OrderLine) -> list[Words]:
    """This will give back the words that explain a line."""
    return [_words(one) for one in row.explained]


def _words(shape: dict[str, Any]) -> Words:
    def value(one: Any) -> Any:
        if isinstance(one, dict):
            return Written(**one) if "kind" in one else _words(one)
        return one

    return Words(shape["template"], {name: value(one) for name, one in shape["values"].items()})
