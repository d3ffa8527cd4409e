"""The operator's desk: which taxes there are from which day on, and who sells at law. Facts are added, never edited."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.checkout.tax_models import SellerOfRecord, SellerPlace, TaxRate
from marketplace.checkout.taxes.rates import (
    RateRow,
    UnableToSetRate,
    read_rates,
    set_rates,
    shipped,
    shipped_tables,
)
from marketplace.checkout.taxes.sellers import UnableToNameSeller, place_seller, set_seller
from marketplace.portal.forms.desk_rules import PlaceForm, RateForm, SellerForm
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import country_text, percent_text, place_text

FORMER, COUNTS, COMES, ENDS = "former", "counts", "comes", "ends"
"""How a row stands: another one took its place, it counts, its day comes, or it says that there is none any more."""


@never_cache
@require_safe
@operators_only
def rates(request: HttpRequest) -> HttpResponse:
    """This will list the rates that count and that come, or with `all` the former ones too, and take a new one."""
    return _rates(request, RateForm())


def _rates(request: HttpRequest, form: RateForm) -> HttpResponse:
    country, everything = request.GET.get("country", "").strip().upper()[:2], "all" in request.GET
    found = TaxRate.objects.order_by("country", "region", "name", "-valid_from", "-id")
    standing = _standing(list(found.filter(country=country) if country else found), timezone.now(), _of_rate)
    rows = [
        {
            "row": row,
            "place": place_text(row.jurisdiction),
            "rate": percent_text(row.rate_ppb),
            "state": ENDS if state == COUNTS and not row.rate_ppb else state,
        }
        for row, state in standing
        if everything or state != FORMER
    ]
    context = {
        "here": "desk",
        "form": form,
        "rows": rows,
        "country": country,
        "everything": everything,
        "tables": shipped_tables(),
        "by": settings.ADAPTERS["taxes"].rpartition(".")[2],
    }
    return render(request, "portal/desk_taxes.html", context, status=422 if form.errors else 200)


def _of_rate(row: TaxRate) -> tuple[str, ...]:
    return row.country, row.region, row.name


def _standing(rows: list[Any], now: datetime, name_of: Any) -> list[tuple[Any, str]]:
    """Says how each row stands; rows of one name follow each other, the newest first."""
    found, counting = [], set()
    for row in rows:
        name = name_of(row)
        if row.valid_from > now:
            found.append((row, COMES))
        else:
            found.append((row, FORMER if name in counting else COUNTS))
            counting.add(name)
    return found


@never_cache
@require_POST
@operators_only
def add_rate(request: HttpRequest) -> HttpResponse:
    """This will add a rate from a day on."""
    form = RateForm(request.POST)
    if not form.is_valid():
        return _rates(request, form)
    row = RateRow(**form.cleaned_data)
    try:
        added = set_rates(rows=[row], by=_by(request), now=timezone.now())
    except UnableToSetRate as refusal:
        form.add_error(None, str(refusal))
        return _rates(request, form)
    if added:
        messages.success(request, _("%(tax)s is added.") % {"tax": f"{added[0].jurisdiction} {row.name}"})
    else:
        messages.info(request, _("That rate was there already."))
    return redirect("desk-taxes")


@never_cache
@require_POST
@operators_only
def load_rates(request: HttpRequest) -> HttpResponse:
    """This will load a table of rates that comes along."""
    name = request.POST.get("table", "")
    if name not in shipped_tables():
        raise Http404
    added = set_rates(rows=read_rates(shipped(name)), by=_by(request), now=timezone.now())
    said = ngettext("%(count)d rate is added.", "%(count)d rates are added.", len(added)) % {"count": len(added)}
    messages.success(request, said)
    return redirect("desk-taxes")


@never_cache
@require_safe
@operators_only
def sellers(request: HttpRequest) -> HttpResponse:
    """This will show who sells at law, and where; with `code` the form says what that seller is now."""
    return _sellers(request)


def _sellers(request: HttpRequest, **forms: Any) -> HttpResponse:
    now = timezone.now()
    rows = _standing(list(SellerOfRecord.objects.order_by("code", "-valid_from", "-id")), now, lambda row: row.code)
    places = _standing(
        list(SellerPlace.objects.order_by("country", "-valid_from", "-id")), now, lambda row: row.country
    )
    newest = {row.code: row for row, state in rows if state == COUNTS}
    codes = sorted({row.code for row, _state in rows})
    shown = newest.get(request.GET.get("code", SellerOfRecord.DEFAULT))
    context = {
        "here": "desk",
        "sellers": [{"row": row, "country": country_text(row.country), "state": state} for row, state in rows],
        "places": [{"row": row, "country": country_text(row.country), "state": state} for row, state in places],
        "codes": codes,
        "form": forms.get("seller") or SellerForm(seller=shown),
        "place_form": forms.get("place") or PlaceForm(codes=codes),
    }
    return render(request, "portal/desk_sellers.html", context, status=422 if forms else 200)


@never_cache
@require_POST
@operators_only
def name_seller(request: HttpRequest) -> HttpResponse:
    """This will name a seller, or say anew what one is."""
    form, now = SellerForm(request.POST), timezone.now()
    if form.is_valid():
        given = form.cleaned_data
        try:
            set_seller(**(given | {"valid_from": given["valid_from"] or now}), by=_by(request), now=now)
        except UnableToNameSeller as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(name)s sells like that from then on.") % {"name": given["name"]})
            return redirect("desk-sellers")
    return _sellers(request, seller=form)


@never_cache
@require_POST
@operators_only
def place(request: HttpRequest) -> HttpResponse:
    """This will let a seller sell to buyers of a country."""
    codes = sorted(SellerOfRecord.objects.values_list("code", flat=True).distinct())
    form, now = PlaceForm(request.POST, codes=codes), timezone.now()
    if form.is_valid():
        given = form.cleaned_data
        try:
            place_seller(**(given | {"valid_from": given["valid_from"] or now}), by=_by(request), now=now)
        except UnableToNameSeller as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("%(code)s sells there from then on.") % {"code": given["code"]})
            return redirect("desk-sellers")
    return _sellers(request, place=form)


def _by(request: HttpRequest) -> str:
    return str(request.user.email)[:80]  # type: ignore[union-attr]
