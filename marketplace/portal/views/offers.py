"""The offers of a pack: what they cost and leave, a new one under terms of one's own, and other prices."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import ledger.operations
from ledger.custody import UnableToSignFor, own_key
from ledger.operations import Hands
from marketplace.catalog.deriving import derived_from
from marketplace.catalog.models import Pack, Release
from marketplace.licensing import operations as licensing
from marketplace.licensing import parentage
from marketplace.licensing.pricing import PERIODS, WITHOUT_PRICE
from marketplace.licensing.pricing_queries import regular_price, with_prices
from marketplace.licensing.queries import terms_of
from marketplace.licensing.terms.exchange.base import SIZE_LIMIT_BYTES, Imported, UnableToReadLicense
from marketplace.licensing.terms.exchange.forms import read
from marketplace.licensing.terms.model import Terms, within_consent
from marketplace.licensing.terms.ready import READY
from marketplace.licensing.terms.words import rights_in
from marketplace.licensing.trials import trial_days
from marketplace.licensing.words import summary_text, text_of
from marketplace.payouts.rules import Money, format_amount
from marketplace.people.models import Creator
from marketplace.portal import queries, selling, words
from marketplace.portal.ceremonies import ceremony
from marketplace.portal.forms.selling import ChangePriceForm, PriceForm, first_moment, last_moment, month_in, tiers_in
from marketplace.portal.forms.terms import TermsForm, initial_of
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.trials import TrialForm
from marketplace.ui import formats

REFUSALS = (licensing.UnableToOffer, parentage.BeyondParents, UnableToSignFor)
FIRST = "studio"


def _pack(creator: Creator, of: str, handle: str) -> Pack:
    found = queries.pack_of(creator, handle, of)
    if found is None:
        raise Http404
    return found


def _release(pack: Pack, version: str) -> tuple[Release, list[Release]]:
    """Finds the version that is asked for, else the newest."""
    versions = queries.versions_of(pack)
    return next((one for one in versions if one.version == version), versions[0]), versions


@never_cache
@require_safe
@creators_only
def offers(request: HttpRequest, creator: Creator, of: str, pack: str) -> HttpResponse:
    """This will list what a version of a pack is sold under, with what each sale leaves."""
    found = _pack(creator, of, pack)
    release, versions = _release(found, request.GET.get("version", ""))
    context = {
        "here": "sell",
        "pack": found,
        "release": release,
        "versions": versions,
        "rows": selling.offer_rows(creator, release, timezone.now()),
        "share": words.percent_text(queries.own_shares(creator, [release]).get(release.split_id, 0)),
    }
    return render(request, "portal/offers.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def new(request: HttpRequest, creator: Creator, of: str, pack: str) -> HttpResponse:
    """This will offer a version of a pack under ready-made terms, one's own, or those of an imported license."""
    found = _pack(creator, of, pack)
    release, _versions = _release(found, request.GET.get("version", ""))
    if "application/json" in request.headers.get("Content-Type", ""):
        return _signed_offer(request, creator, release)
    if request.method != "POST":
        base = request.GET.get("base", FIRST)
        terms = READY.get(base, Terms(name="custom")) if base else Terms(name="custom")
        initial = initial_of(terms) | {"base": base if base in READY else "", "name": ""}
        return _new_page(request, creator, release, TermsForm(initial=initial), PriceForm())
    if request.POST.get("do") == "import":
        return _imported(request, creator, release)
    terms_form, price_form = TermsForm(request.POST), PriceForm(request.POST)
    valid = terms_form.is_valid() & price_form.is_valid()
    if not valid or request.POST.get("do") == "preview":
        return _new_page(request, creator, release, terms_form, price_form, status=200 if valid else 422)
    try:
        _offer(release, terms_form, price_form, now=timezone.now())
    except REFUSALS as refusal:
        return _new_page(request, creator, release, terms_form, price_form, error=str(refusal), status=422)
    messages.success(request, _("It is offered. The terms and a commitment to the price are stated in the public log."))
    return redirect(_address(release))


def _address(release: Release) -> str:
    pack = release.pack
    return reverse("portal-offers", args=[pack.creator.handle, pack.handle]) + f"?version={release.version}"


def _offer(release: Release, terms: TermsForm, price: PriceForm, *, now: datetime, **signs: Any) -> None:
    given = price.cleaned_data
    assert terms.terms is not None
    licensing.offer(
        release=release,
        terms=terms.terms,
        price=Money(price.price_minor, given["currency"]),
        model=given["model"],
        unit=given["unit"],
        share_ppb=given["share"],
        tiers=price.tiers,
        month=price.month,
        now=now,
        **signs,
    )


def _signed_offer(request: HttpRequest, creator: Creator, release: Release) -> HttpResponse:
    """Answers a page whose creator signs with a key of their own."""

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        data = posted(given)
        terms, price = TermsForm(data), PriceForm(data)
        if not terms.is_valid() & price.is_valid():
            raise licensing.UnableToOffer(release, first_error(terms, price))
        signer = ledger.operations.any_signer(creator=creator, hands=hands, now=now)
        _offer(release, terms, price, now=now, signer=signer, seed=bytes.fromhex(given["seed"]))
        return _address(release)

    purpose = f"offer.{release.pk}"
    return ceremony(request, creator, purpose=purpose, act=act, fresh=lambda: {"seed": secrets.token_hex(32)})


def posted(given: Mapping[str, Any]) -> QueryDict:
    """This will write what a page sends as JSON as a form would have sent it."""
    data = QueryDict(mutable=True)
    for name, value in given.items():
        data.setlist(name, [str(one) for one in value] if isinstance(value, list) else [str(value)])
    return data


def first_error(*forms: Any) -> str:
    """This will say what is wrong with forms in one line."""
    rows = [
        (form.fields[name].label if name in form.fields else "", text)
        for form in forms
        for name, texts in form.errors.items()
        for text in texts
    ]
    return " ".join(f"{label}: {text}" if label else str(text) for label, text in rows[:4])


def _imported(request: HttpRequest, creator: Creator, release: Release) -> HttpResponse:
    """Fills the form with somebody else's license, and says what it lost."""
    file, text = request.FILES.get("license_file"), request.POST.get("license_id", "").strip()[:2000]
    source: str | bytes = file.read(SIZE_LIMIT_BYTES + 1) if file is not None else text
    try:
        found = read(source)
    except UnableToReadLicense as refusal:
        form = TermsForm(initial=initial_of(READY[FIRST]))
        error = formats.sentence(refusal)
        return _new_page(request, creator, release, form, PriceForm(), import_error=error, status=422)
    return _new_page(request, creator, release, TermsForm(initial=initial_of(found.terms)), PriceForm(), imported=found)


def _new_page(
    request: HttpRequest,
    creator: Creator,
    release: Release,
    terms: TermsForm,
    price: PriceForm,
    *,
    imported: Imported | None = None,
    import_error: str = "",
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    base = terms["base"].value() or ""
    context = {
        "here": "sell",
        "pack": release.pack,
        "release": release,
        "terms": terms,
        "price": price,
        "base": base,
        "starts": [("", _("Nothing"))] + [(name, words.say(words.TERMS, name)) for name in READY],
        "imported": imported,
        "lost": [formats.sentence(one) for one in imported.lost] if imported else [],
        "import_error": import_error,
        "error": error,
        "is_changed": terms.is_bound or imported is not None or not base,
        "signs_here": own_key(creator) is not None,
        "preview": _shown(creator, release, *_unbound(terms), price=price),
    }
    return render(request, "portal/offer_new.html", context, status=status)


def _unbound(form: TermsForm) -> tuple[TermsForm, Terms | None]:
    """Reads the terms of a form, also of one that was only filled in."""
    if form.is_bound:
        form.is_valid()
        return form, form.terms
    filled = TermsForm(posted({name: value for name, value in form.initial.items() if value is not False}))
    filled.is_valid()
    return filled, filled.terms


@require_POST
@creators_only
def preview(request: HttpRequest, creator: Creator, of: str, pack: str) -> HttpResponse:
    """This will say the terms as they stand in the form, in words, or what contradicts itself in them."""
    release, _versions = _release(_pack(creator, of, pack), request.GET.get("version", ""))
    form, price = TermsForm(request.POST), PriceForm(request.POST)
    form.is_valid()
    shown = _shown(creator, release, form, form.terms, price=price)
    return render(request, "portal/_terms_preview.html", {"preview": shown})


def _shown(
    creator: Creator, release: Release, form: TermsForm, terms: Terms | None, *, price: PriceForm
) -> dict[str, Any]:
    """Says terms, or what is wrong with them, and what a sale leaves."""
    net = ""
    if price.is_bound and price.is_valid() and price.cleaned_data["model"] not in WITHOUT_PRICE:
        own_ppb = queries.own_shares(creator, [release]).get(release.split_id, 0)
        left = selling.parts_of(price.price_minor, own_ppb)["net_minor"]
        net = words.net_text(left, price.cleaned_data["currency"])
    if terms is None:
        wrong = [(form[name], text) for name, texts in form.errors.items() if name in form.fields for text in texts]
        return {"wrong": wrong, "others": form.non_field_errors(), "net": net}
    meant = within_consent(terms, release.ai_training)
    owed = parentage.owed_to_others(creator=creator, derived=derived_from(release))
    beyond = parentage.wrong_offers(
        creator=creator, parents=owed, offers=[terms], ai_training=release.ai_training, now=timezone.now()
    )
    return {
        "name": words.say(words.TERMS, meant.name),
        "summary": summary_text(meant),
        "rights": [{"text": formats.sentence(right), "kind": right.kind} for right in rights_in(meant)],
        "texts": [("en", "English", text_of(meant, "en")), ("zh-Hans", "简体中文", text_of(meant, "zh-hans"))],
        "allows_nothing": terms.allows_nothing,
        "without_training": meant != terms,
        "beyond": [formats.sentence(one) for one in beyond],
        "net": net,
    }


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def offer(request: HttpRequest, creator: Creator, offer: UUID) -> HttpResponse:
    """This will show one offer with its prices, and give it another: from now on, or for a time."""
    found = selling.offer_of(creator, offer)
    if found is None:
        raise Http404
    if "application/json" in request.headers.get("Content-Type", ""):
        return _signed_price(request, creator, found.pk)
    form = _price_form(found, request.POST if request.method == "POST" else None)
    error = ""
    if form.is_bound and form.is_valid():
        try:
            _change(found, form, now=timezone.now())
        except REFUSALS as refusal:
            error = str(refusal)
        else:
            messages.success(
                request, _("The price is in the offer's history, and a commitment to it in the public log.")
            )
            return redirect("portal-offer", found.pk)
    now = timezone.now()
    with_prices([found], now)
    own_ppb = queries.own_shares(creator, [found.release]).get(found.release.split_id, 0)
    context = {
        "here": "sell",
        "row": selling.offer_row(found, own_ppb) | {"sold": selling.sold_of([found]).get(found.pk, 0)},
        "share": words.percent_text(own_ppb),
        "rights": [{"text": formats.sentence(right), "kind": right.kind} for right in rights_in(terms_of(found.terms))],
        "history": selling.history_of(found, now),
        "form": form,
        "error": error,
        "signs_here": own_key(creator) is not None,
        "trial_form": TrialForm(initial={"days": trial_days(found)}) if found.model in PERIODS else None,
    }
    return render(request, "portal/offer.html", context, status=422 if form.is_bound else 200)


def _price_form(offer: Any, data: QueryDict | None) -> ChangePriceForm:
    regular = regular_price(offer, timezone.now())
    initial = {"kind": "regular", "price": format_amount(regular.price_minor, offer.currency)}
    initial |= month_in(regular, offer.currency)
    return ChangePriceForm(data, offer=offer, initial=initial, tiers=tiers_in(regular.tiers, offer.currency))


def _change(offer: Any, form: ChangePriceForm, *, now: datetime, **signs: Any) -> None:
    given = form.cleaned_data
    licensing.change_price(
        offer=offer,
        price_minor=form.price_minor,
        kind=given["kind"],
        tiers=form.tiers,
        month=form.month,
        starts_at=first_moment(given["starts"], now),
        ends_at=last_moment(given["ends"]),
        most_sales=given["most_sales"] or 0,
        now=now,
        **signs,
    )


def _signed_price(request: HttpRequest, creator: Creator, offer_id: UUID) -> HttpResponse:
    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        offer = selling.offer_of(creator, offer_id)
        assert offer is not None
        form = _price_form(offer, posted(given))
        if not form.is_valid():
            raise licensing.UnableToOffer(offer.release, first_error(form))
        signer = ledger.operations.any_signer(creator=creator, hands=hands, now=now)
        _change(offer, form, now=now, signer=signer, seed=bytes.fromhex(given["seed"]))
        return reverse("portal-offer", args=[offer_id])

    purpose = f"price.{offer_id}"
    return ceremony(request, creator, purpose=purpose, act=act, fresh=lambda: {"seed": secrets.token_hex(32)})
