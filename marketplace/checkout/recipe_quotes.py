"""Quotes for recipes: kept for half an hour, and bought in one checkout from all whose packs paint."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.checkout import operations as checkout
from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout.asking import Ask
from marketplace.checkout.charges import RecipeQuote, RecipeQuoteLine
from marketplace.checkout.models import Order, PaymentOutcome
from marketplace.checkout.operations import PaymentDeclined, PaymentWaits
from marketplace.checkout.placing import KeyUsedOtherwise, place_for
from marketplace.checkout.placing import quote as quote_order
from marketplace.checkout.recipe_quote_queries import LineNow
from marketplace.compositions import operations as compositions
from marketplace.compositions.checking import Checked, CheckedRef, check, check_text
from marketplace.compositions.keeping import a_title as check_title
from marketplace.compositions.models import Recipe, RecipeLock
from marketplace.compositions.notation.document import to_bytes
from marketplace.compositions.notation.model import Layer, Place, Ref
from marketplace.compositions.notation.model import Recipe as Written
from marketplace.compositions.notation.reading import Finding, UnreadableRecipe
from marketplace.licensing.holdings import Project
from marketplace.licensing.terms.model import Use
from marketplace.licensing.terms.using import use_document
from marketplace.people.models import Person, Seat, Studio
from marketplace.ui.formats import sentence
from marketplace.ui.words import Words, gettext_noop

KEPT_FOR = timedelta(minutes=30)


class UnableToQuoteRecipe(Exception):
    """The recipe cannot be bought so; nothing was written. `findings` have lines and columns, `checked` says more."""

    code = "recipe-quote-refused"

    def __init__(self, reason: str, findings: Sequence[Finding] = (), checked: Checked | None = None) -> None:
        super().__init__(reason)
        self.reason, self.findings, self.checked = reason, tuple(findings), checked


class RecipeQuoteExpired(Exception):
    """The half hour is over; nothing was charged."""

    code = "recipe-quote-expired"

    def __init__(self, quote: RecipeQuote) -> None:
        super().__init__(_("The quote was kept for 30 minutes and has expired: ask for a new one."))
        self.quote = quote


class RecipePriceChanged(Exception):
    """What was quoted cannot be bought at that price any more; nothing was charged. `lines` say what changed."""

    code = "recipe-price-changed"

    def __init__(self, quote: RecipeQuote, lines: Sequence[LineNow]) -> None:
        super().__init__(_("%s Ask for a new quote.") % " ".join(queries.told(line) for line in lines))
        self.quote, self.lines = quote, tuple(lines)


@dataclass(frozen=True, slots=True)
class BoughtRecipe:
    """A quote that is paid: an order for each currency, none where nothing was missing, and the recipe's lock."""

    quote: RecipeQuote
    orders: tuple[Order, ...]
    lock: RecipeLock


def quote_recipe(
    *,
    studio: Studio,
    person: Person,
    text: str,
    use: Use,
    now: datetime,
    project: Project | None = None,
    currency: str = "",
    prefer: Collection[UUID] = (),
    recipe_row: Recipe | None = None,
) -> RecipeQuote:
    """This will keep, for 30 minutes, what all licenses that a recipe lacks cost now; none missing is fine.

    The packs are fixed in the versions that they have now, offers in `prefer` are taken before others, and new licenses
    are for `project` alone where one is named. Raises UnreadableRecipe, UnreadableUse, and UnableToQuoteRecipe where a
    layer is refused; nothing is written then.
    """
    if not Seat.objects.filter(studio=studio, person=person).exists():
        raise UnableToQuoteRecipe(_("You have no seat in %s: ask its owner for one.") % studio.name)
    checked = check_text(text, use=use, studio=studio, project=project, currency=currency, prefer=prefer, now=now)
    if checked.recipe is None:
        raise UnreadableRecipe(checked.findings)
    if stands_against := against(checked):
        raise UnableToQuoteRecipe(_said(stands_against), stands_against, checked)
    made = RecipeQuote(
        studio=studio,
        project=project,
        recipe=recipe_row,
        person=person,
        text=text,
        document=to_bytes(pinned(checked)),
        use=use_document(use),
        quoted_at=now,
        expires_at=now + KEPT_FOR,
    )
    with transaction.atomic():
        made.save(force_insert=True)
        RecipeQuoteLine.objects.bulk_create(
            RecipeQuoteLine(
                quote=made,
                position=place,
                offer=missing.offer,
                layers=list(missing.layers),
                seats=missing.seats,
                price_minor=missing.priced.price_minor if missing.priced else 0,
                currency=missing.offer.currency,
            )
            for place, missing in enumerate(checked.missing)
        )
    return made


def pinned(checked: Checked) -> Written:
    """This will write a recipe with the very versions that its refs were found to name, and no aliases left."""
    assert checked.recipe is not None
    found = iter(checked.refs)

    def fixed(layer: Layer) -> Layer:
        return replace(layer, refs=tuple(_pin(ref, next(found)) for ref in layer.refs))

    recipe = checked.recipe
    layers = tuple(fixed(layer) for layer in recipe.layers)
    return replace(recipe, layers=layers, style=fixed(recipe.style) if recipe.style else None, aliases=())


def _pin(ref: Ref, found: CheckedRef) -> Ref:
    release, element = found.release, found.resolved.element
    assert release is not None
    path = (release.pack.creator.handle, release.pack.handle, *((element.name,) if element else ()))
    # A weight that only the alias has is the ref's own from here on.
    weight = ref.weight_ppm
    if weight is None and found.resolved.weight_ppm != _WHOLE:
        weight = found.resolved.weight_ppm
    return replace(ref, path=path, version=release.version, weight_ppm=weight)


_WHOLE = 1_000_000


def against(checked: Checked) -> list[Finding]:
    """This will list, with lines and columns, everything for which a recipe cannot be bought as it stands."""
    found = list(checked.problems)
    for one in checked.refs:
        if one.needs_quote and one.offer is not None:
            values = {"terms": one.offer.terms.name, "release": one.resolved.name}
            words = Words(
                gettext_noop("“%(terms)s” of %(release)s is priced on request: ask for a price first."), values
            )
            found.append(_finding(one.resolved.ref.at, "price-on-request", words))
    return found


def _finding(at: Place | None, code: str, words: Words) -> Finding:
    place = at or Place(1, 1, 0)
    return Finding(place.line, place.column, place.length, code, words)


def _said(findings: Sequence[Finding]) -> str:
    first = sentence(findings[0].words)
    rest = len(findings) - 1
    return first if not rest else _("%(first)s And %(rest)d more.") % {"first": first, "rest": rest}


def buy_recipe(
    *,
    quote: RecipeQuote,
    buyer: Person,
    method: str,
    now: datetime,
    masks: Mapping[str, str] | None = None,
    title: str = "",
) -> BoughtRecipe:
    """This will license all that a quote lists at the prices that it has, one order a currency, and lock the recipe.

    The same quote again returns the same orders, whoever asks and however it is paid; what a crash or a declined card
    left open is finished. Raises RecipeQuoteExpired, RecipePriceChanged and UnableToQuoteRecipe before anything is
    charged, and what `operations.buy` raises. Where there are several currencies, an order that was paid stays if a
    later one is not.
    """
    orders = queries.orders_of(quote)
    groups = queries.by_currency(quote)
    open_groups = {currency: lines for currency, lines in groups.items() if _standing(orders, currency) is None}
    if open_groups:
        _check_open(quote, open_groups, orders, now)
        _check_lockable(quote, title, masks, now)
    done = []
    for currency, lines in groups.items():
        order = _standing(orders, currency)
        if order is None:
            order = _placed(quote, currency, lines, len(groups) > 1, orders, buyer, method, now)
        outcome = checkout.pay(order=order, now=now)
        if outcome is None:
            raise PaymentWaits(order)
        if outcome.outcome == PaymentOutcome.DECLINED:
            raise PaymentDeclined(order, outcome.reason)
        # Of two at once the other one may have been a moment later: its licenses began then, and are locked.
        now = max(now, outcome.at)
        done.append(order)
    lock = compositions.lock(
        recipe=queries.recipe_of(quote),
        studio=quote.studio,
        person=buyer,
        use=queries.use_of(quote),
        project=quote.project,
        recipe_row=quote.recipe,
        masks=masks,
        title=title,
        now=now,
    )
    return BoughtRecipe(quote, tuple(done), lock)


def _is_paid(order: Order) -> bool:
    return queries.outcome_of(order) in (PaymentOutcome.SUCCEEDED, PaymentOutcome.FREE)


def _standing(orders: Sequence[Order], currency: str) -> Order | None:
    """Finds the order of a currency that is paid or on its way; a declined one leaves room for another."""
    mine = [one for one in orders if one.currency == currency]
    return next((one for one in mine if queries.outcome_of(one) != PaymentOutcome.DECLINED), None)


def _check_open(
    quote: RecipeQuote, groups: Mapping[str, Sequence[RecipeQuoteLine]], orders: Sequence[Order], now: datetime
) -> None:
    """Sees, before anything is charged, that what is left of a quote can be bought as it says."""
    # Whoever paid in one currency may go on with the others.
    if quote.expires_at <= now and not any(_is_paid(one) for one in orders):
        raise RecipeQuoteExpired(quote)
    changed = [one for one in queries.lines_now(quote, now, orders) if one.line.currency in groups and not one.is_same]
    if changed:
        raise RecipePriceChanged(quote, changed)
    if len(groups) > 1:
        for lines in groups.values():
            quote_order(studio=quote.studio, offers=_asks(quote, lines), now=now, with_taxes=False)


def _check_lockable(quote: RecipeQuote, title: str, masks: Mapping[str, str] | None, now: datetime) -> None:
    """Sees, before anything is charged, that the recipe can be locked with what is bought."""
    check_title(title)
    checked = check(
        queries.recipe_of(quote),
        use=queries.use_of(quote),
        studio=quote.studio,
        project=quote.project,
        masks=masks,
        prefer=[line.offer_id for line in queries.lines_of(quote)],
        now=now,
    )
    if not checked.allowed:
        raise UnableToQuoteRecipe(_said(checked.problems), checked.problems, checked)


def _asks(quote: RecipeQuote, lines: Sequence[RecipeQuoteLine]) -> list[Ask]:
    return [queries.ask_of(quote, line, expect=True) for line in lines]


def _placed(
    quote: RecipeQuote,
    currency: str,
    lines: Sequence[RecipeQuoteLine],
    is_one_of_several: bool,
    orders: Sequence[Order],
    buyer: Person,
    method: str,
    now: datetime,
) -> Order:
    key = queries.key_of(quote, currency if is_one_of_several else "", sum(one.currency == currency for one in orders))
    place = partial(place_for, studio=quote.studio, buyer=buyer, method=method, idempotency_key=key, now=now)
    try:
        return place(offers=_asks(quote, lines))
    except KeyUsedOtherwise:
        # Somebody was faster, with another card: theirs is the order.
        return Order.objects.get(studio=quote.studio, idempotency_key=key)
