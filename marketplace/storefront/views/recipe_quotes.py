"""Quotes of recipes: what all that a recipe lacks costs, and one checkout for it, from all whose packs paint."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.checkout import recipe_quote_queries as queries
from marketplace.checkout import recipe_quotes as checkout
from marketplace.checkout.charges import RecipeQuote
from marketplace.checkout.gateways.base import GatewayUnavailable, UnableToUseMethod
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.operations import KeyUsedOtherwise, PaymentDeclined, PaymentWaits, gateway
from marketplace.checkout.recipe_quote_queries import QuoteNow
from marketplace.compositions.keeping import MOST_TITLE, NotYourRecipe, UnableToKeepRecipe, newest_of
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.operations import UnableToLock
from marketplace.compositions.queries import recipe_of
from marketplace.licensing.holding import manages
from marketplace.licensing.terms.using import UnreadableUse
from marketplace.people.queries import studios_of
from marketplace.storefront import recipe_quote_rows as rows
from marketplace.storefront import words
from marketplace.storefront.forms_recipe_orders import RecipeOrderForm, said_again, with_masks
from marketplace.storefront.forms_recipes import RecipeForm, masks_in
from marketplace.storefront.held import REFUSALS, members_of
from marketplace.storefront.recipe_problems import refused_page, unasked_page
from marketplace.storefront.views.order_pay import test_cards, went_on

CHANGED = (checkout.RecipeQuoteExpired, checkout.RecipePriceChanged)


def _mine(request: HttpRequest, quote_id: UUID) -> RecipeQuote:
    """Finds a quote of one of the visitor's studios; to everybody else it is not there."""
    found = queries.quote_of(studios_of(request.user), quote_id)  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def quote(request: HttpRequest, quote: UUID) -> HttpResponse:
    """This will show a quote as it stands now, and how it is bought; once it is, what was bought."""
    now = timezone.now()
    found = queries.now_of(_mine(request, quote), now)
    if found.state == queries.PAID:
        return _bought_page(request, found)
    return _page(request, found, _form(request, found))


def _form(request: HttpRequest, found: QuoteNow) -> RecipeOrderForm:
    given = request.POST if request.method == "POST" else None
    kept = found.quote.recipe
    title = newest_of(kept).title if kept is not None else request.GET.get("title", "")
    initial = {"title": title[:MOST_TITLE]}
    needs_card = found.needs_method and found.state != queries.PAID
    return RecipeOrderForm(given, initial=initial, needs_card=needs_card, test_cards=_in_sandbox())


def _in_sandbox() -> bool:
    return gateway().name == SandboxGateway.name


def _page(request: HttpRequest, found: QuoteNow, form: RecipeOrderForm, status: int = 200) -> HttpResponse:
    row, parts = found.quote, rows.parts_of(found)
    given = request.POST if request.method == "POST" else request.GET
    may_buy = not parts or manages(request.user, row.studio)  # type: ignore[arg-type]
    context = {
        "here": "compose",
        "quote": row,
        "state": found.state,
        "parts": parts,
        "form": form,
        "masks": masks_in(given),
        "fields": _fields(row, masks_in(given)),
        "is_open": rows.may_go_on(found),
        "is_tried": bool(found.orders),
        "may_buy": may_buy,
        "buyers": [] if may_buy else [seat.person for seat in members_of(row.studio) if seat.role != seat.MEMBER],
        "changes": [one["told"] for part in parts for one in part.rows if one["told"]],
        "unpaid": [part for part in parts if not part.is_paid],
        "test_cards": test_cards() if _in_sandbox() and "card" in form.fields else [],
    }
    return render(request, "storefront/recipe_quote.html", context, status=status)


def _fields(row: RecipeQuote, masks: dict[str, str]) -> list[tuple[str, str]]:
    """Lists what composing it again starts with, besides the text."""
    return said_again(queries.use_of(row), masks, studio=row.studio, project=row.project, recipe=row.recipe_id)


def _bought_page(request: HttpRequest, found: QuoteNow) -> HttpResponse:
    grants = rows.grants_of(found)
    context = {
        "here": "compose",
        "quote": found.quote,
        "parts": rows.parts_of(found),
        "licenses": [{"grant": one, "terms": words.say(words.TERMS, one.terms.name)} for one in grants],
        "lock": rows.lock_of(found, grants, request.GET.get("lock", "")),
        "masks": masks_in(request.GET),
    }
    return render(request, "storefront/recipe_bought.html", context)


@never_cache
@login_required
@require_POST
def buy(request: HttpRequest, quote: UUID) -> HttpResponse:
    """This will license all that a quote lists in one checkout, and lock the recipe."""
    now = timezone.now()
    row = _mine(request, quote)
    form = _form(request, queries.now_of(row, now))
    if not form.is_valid():
        return _again(request, row, form, now)
    masks = masks_in(request.POST)
    try:
        bought = checkout.buy_recipe(
            quote=row,
            buyer=request.user,  # type: ignore[arg-type]
            method=form.cleaned_data.get("card", ""),
            masks=masks,
            title=form.cleaned_data["title"],
            now=now,
        )
    except GatewayUnavailable:
        return render(request, "storefront/checkout_unavailable.html", {"here": "compose"}, status=503)
    except PaymentWaits as waiting:
        return went_on(waiting.order)
    except (UnableToUseMethod, PaymentDeclined) as error:
        form.add_error("card" if "card" in form.fields else None, str(error))
    except UnableToKeepRecipe as error:
        form.add_error("title", str(error))
    except CHANGED as error:
        form.add_error(None, str(error))
    except (*REFUSALS, KeyUsedOtherwise, NotYourRecipe, UnableToLock, checkout.UnableToQuoteRecipe) as error:
        form.add_error(None, str(error))
    else:
        if not bought.orders:
            messages.success(request, _("Locked. All of its packs are licensed."))
            return redirect("recipe-lock", bought.lock.digest)
        messages.success(
            request, _("Licensed and locked. The certificates are signed; their proof is being sealed into the log.")
        )
        return redirect(f"{reverse('recipe-quote', args=[row.pk])}?lock={bought.lock.digest}")
    return _again(request, row, form, now)


def _again(request: HttpRequest, row: RecipeQuote, form: RecipeOrderForm, now: datetime) -> HttpResponse:
    """Shows the page with what was refused, and what has been charged by now."""
    return _page(request, queries.now_of(_mine(request, row.pk), now), form, status=422)


@never_cache
@login_required
@require_POST
def again(request: HttpRequest, quote: UUID) -> HttpResponse:
    """This will ask for a new quote of what an old one was about."""
    row = _mine(request, quote)
    masks = masks_in(request.POST)
    return quoted(
        request,
        fields=_fields(row, masks),
        masks=masks,
        title=request.POST.get("title", ""),
        studio=row.studio,
        project=row.project,
        recipe_row=row.recipe,
        text=row.text,
        use=queries.use_of(row),
        prefer=[line.offer_id for line in queries.lines_of(row)],
    )


@never_cache
@login_required
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """This will ask for a quote of the recipe that was written."""
    asked = asked_of(request)
    return asked if isinstance(asked, HttpResponse) else quoted(request, **asked)


def asked_of(request: HttpRequest, *, is_lock: bool = False) -> dict[str, Any] | HttpResponse:
    """This will read the recipe that was written and what it is for, or answer why that cannot be."""
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    form = RecipeForm(request.POST, studios=studios)
    if not form.is_valid() or not studios:
        return unasked_page(request, form, is_lock=is_lock)
    given = form.cleaned_data
    row = recipe_of(given["recipe"], person=request.user) if given["recipe"] else None  # type: ignore[arg-type]
    said = {"text": given["text"], "title": given["title"], "recipe_row": row}
    return form.wanted(timezone.now()) | said


def quoted(
    request: HttpRequest,
    *,
    masks: dict[str, str],
    title: str = "",
    fields: list[tuple[str, str]] | None = None,
    **asked: Any,
) -> HttpResponse:
    """This will ask for a quote and lead to its page, or say why there is none.

    `fields` are what leads back to composing it, besides the text; without them, those that were sent.
    """
    try:
        made = checkout.quote_recipe(person=request.user, now=timezone.now(), **asked)  # type: ignore[arg-type]
    except (checkout.UnableToQuoteRecipe, UnreadableRecipe, UnreadableUse) as error:
        return refused_page(request, error, text=asked["text"], fields=fields)
    return redirect(with_masks(reverse("recipe-quote", args=[made.pk]), masks, title))
