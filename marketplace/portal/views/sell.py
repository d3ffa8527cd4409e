"""What selling means, how one begins, and the creator's dashboard."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.catalog import queries as catalog
from marketplace.catalog import transferring
from marketplace.catalog.models import Listing
from marketplace.checkout.rules import platform_fee
from marketplace.intake import clocks
from marketplace.intake import queries as intake
from marketplace.intake.models import Submission
from marketplace.licensing.pricing import WITHOUT_PRICE
from marketplace.payouts import queries as books
from marketplace.payouts.rules import WHOLE_PPB, Money, allocate
from marketplace.people import operations as people
from marketplace.people.models import Creator, Person
from marketplace.people.queries import creator_of
from marketplace.portal import queries, words
from marketplace.portal.forms.rows import CreatorForm
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.payouts import balance_rows
from marketplace.ui import formats

CHART_DAYS = 30
EXAMPLE_PRICE_MINOR, EXAMPLE_CURRENCY = 18_000, "USD"
BAR_UNITS = 1000


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sell(request: HttpRequest) -> HttpResponse:
    """This will show what fits the visitor: what selling means, the choice of a name, or the dashboard."""
    if not request.user.is_authenticated:
        return _invitation(request)
    person: Person = request.user  # type: ignore[assignment]
    creator = creator_of(person)
    if creator is None:
        return _become_creator(request, person)
    return _dashboard(request, creator)


def _invitation(request: HttpRequest) -> HttpResponse:
    listings = catalog.newest(size=3)
    context = {
        "here": "sell",
        "yours": words.percent_text(WHOLE_PPB - settings.PLATFORM_FEE_PPB),
        "hold_days": settings.PAYOUT_HOLD_DAYS,
        "example": _example(settings.PLATFORM_FEE_PPB),
        "currency": EXAMPLE_CURRENCY,
        "units": BAR_UNITS,
        "covers": [{**_cover(row), "title": row.release.title} for row in listings],
    }
    return render(request, "portal/invitation.html", context)


def _example(fee_ppb: int) -> dict[str, Any]:
    """Works one sale out with the arithmetic that real sales use: you made it from a world that two others made."""
    fee = platform_fee(EXAMPLE_PRICE_MINOR, fee_ppb)
    shares = [("1", 800_000_000), ("2", 140_000_000), ("3", 60_000_000)]
    names = {"1": _("You, who made it"), "2": _("The world you used"), "3": _("Its second maker")}
    parts = allocate(EXAMPLE_PRICE_MINOR - fee, shares)
    rows = [(names[key], words.percent_text(dict(shares)[key]), amount) for key, amount in parts]
    rows.append(("Worldloom", _("%(share)s of the price") % {"share": words.percent_text(fee_ppb)}, fee))
    bar, x = [], 0
    for place, (name, share, amount) in enumerate(rows):
        last = place == len(rows) - 1
        width = BAR_UNITS - x if last else amount * BAR_UNITS // EXAMPLE_PRICE_MINOR
        bar.append({"name": name, "share": share, "amount_minor": amount, "x": x, "width": width, "tone": place})
        x += width
    return {"price_minor": EXAMPLE_PRICE_MINOR, "rows": bar}


def _become_creator(request: HttpRequest, person: Person) -> HttpResponse:
    form = CreatorForm(
        request.POST if request.method == "POST" else None, initial={"display_name": person.display_name}
    )
    if form.is_bound and form.is_valid():
        try:
            people.become_creator(person=person, now=timezone.now(), **form.cleaned_data)
        except people.UnableToBecomeCreator as error:
            form.add_error("handle", str(error))
        else:
            messages.success(request, _("You are a creator now. Publish your first pack when you like."))
            return redirect("sell")
    context = {"here": "sell", "form": form, "site": request.get_host()}
    return render(request, "portal/become_creator.html", context, status=422 if form.is_bound else 200)


def _dashboard(request: HttpRequest, creator: Creator) -> HttpResponse:
    now = timezone.now()
    balances = balance_rows(creator)
    days = queries.sales_by_day(creator, until=now.date(), days=CHART_DAYS)
    packs = _packs(creator, catalog.packs_owned_by(creator.pk))
    context = {
        "here": "sell",
        "creator": creator,
        "balances": balances,
        "bars": [_bar(day) for day in days],
        "sold": sum(day.sales for day in days),
        "chart_days": CHART_DAYS,
        "packs": packs,
        "derived": queries.earned_from_others(creator),
        "tasks": [*_answers(creator), *_tasks(packs, [row["balance"] for row in balances])],
        "waiting": queries.waiting_sales(creator),
        "fee": words.percent_text(settings.PLATFORM_FEE_PPB),
    }
    return render(request, "portal/dashboard.html", context)


def _bar(day: queries.Day) -> dict[str, object]:
    """Says one day of the chart: how many sales, and what they earned so far."""
    count = ngettext("%(count)s sale", "%(count)s sales", day.sales) % {"count": day.sales}
    amounts = [formats.money_text(amount, currency) for currency, amount in day.earned.items()]
    return {"label": formats.date_text(day.day), "value": day.sales, "text": " · ".join([count, *amounts])}


def _cover(listing: Listing) -> dict[str, str]:
    covers = getattr(listing.release, "covers", [])
    return words.cover(covers[0].asset.previews.all() if covers else [])


def _packs(creator: Creator, listings: Sequence[Listing]) -> list[dict[str, Any]]:
    """Says of each pack what is on sale and what a sale leaves to the creator; four queries for all together."""
    releases = [row.release for row in listings]
    offers, shares = queries.offers_of(releases, timezone.now()), queries.own_shares(creator, releases)
    granted = queries.granted(row.pack_id for row in listings)
    return [
        {
            **_cover(row),
            "release": row.release,
            "pack": row.pack,
            "kind": words.say(words.PACK_KINDS, row.kind),
            "share": words.percent_text(shares.get(row.release.split_id, 0)),
            "offers": [
                say_offer(offer, shares.get(row.release.split_id, 0))
                for offer in offers.get(row.release_id, [])
                if not hasattr(offer, "withdrawal")
            ],
            "granted": granted.get(row.pack_id, 0),
        }
        for row in listings
    ]


def say_offer(offer: Any, own_ppb: int) -> dict[str, Any]:
    """This will say an offer at its price now with what a sale leaves to a creator.

    Rounded down: a sale may give one unit more.
    """
    price = Money(offer.now.price_minor, offer.currency)
    net = price.amount_minor - platform_fee(price.amount_minor, settings.PLATFORM_FEE_PPB)
    return {
        "offer": offer,
        "price": words.price_text(offer.model, price, offer.unit, offer.share_ppb),
        "has_price": offer.model not in WITHOUT_PRICE or offer.model == "free",
        "name": words.say(words.TERMS, offer.terms.name),
        "withdrawn_at": getattr(getattr(offer, "withdrawal", None), "withdrawn_at", None),
        "net_minor": net * own_ppb // WHOLE_PPB,
    }


def _answers(creator: Creator) -> list[dict[str, str]]:
    """Names what others wait for: claims to answer, and submissions that did not come through."""
    tasks = []
    for claim in intake.claims_of(creator):
        waits = clocks.waits_for(intake.steps_of(claim))
        if {"claimant": claim.claimant_id, "respondent": claim.respondent_id}.get(waits) == creator.pk:
            text = _("A claim about %(path)s waits for your answer.") % {"path": claim.disputed_path}
            tasks.append({"text": text, "href": reverse("claim", args=[claim.pk]), "do": _("Answer it")})
    for proposal in transferring.proposals_to(creator, timezone.now()):
        text = _("%(name)s wants to hand %(pack)s over to you.") % {
            "name": proposal.owner.display_name,
            "pack": proposal.pack,
        }
        tasks.append({"text": text, "href": reverse("transfer", args=[proposal.pk]), "do": _("Answer it")})
    for row in intake.submissions_of(creator):
        if row.state == Submission.State.TO_SIGN:
            text = _("%(pack)s has passed and waits for your signature.") % {"pack": row.pack["handle"]}
            tasks.append({"text": text, "href": reverse("submission", args=[row.pk]), "do": _("Sign it")})
        if row.state == Submission.State.UNFINISHED:
            text = _("The inspection of %(pack)s did not finish.") % {"pack": row.pack["handle"]}
            tasks.append({"text": text, "href": reverse("submission", args=[row.pk]), "do": _("Try again")})
    return tasks


def _tasks(packs: Sequence[Mapping[str, Any]], balances: Sequence[books.Balance]) -> list[dict[str, str]]:
    """Names what waits for the creator, the money first."""
    tasks = []
    for balance in balances:
        if balance.on_hold_minor:
            text = _("%(amount)s is on hold: a buyer's bank disputes a sale.")
            amount = formats.money_text(balance.on_hold_minor, balance.currency)
            tasks.append({"text": text % {"amount": amount}, "href": reverse("earnings"), "do": _("See which")})
        if balance.owed_minor:
            text = _("%(amount)s was taken back after it was paid to you. Later earnings settle it first.")
            amount = formats.money_text(balance.owed_minor, balance.currency)
            tasks.append({"text": text % {"amount": amount}, "href": reverse("earnings"), "do": _("See why")})
    for pack in packs:
        title, again = pack["release"].title, reverse("publish") + f"?from={pack['pack']}"
        name = formats.choose_title(title)[0]
        if not pack["offers"]:
            text = _("“%(title)s” is not on sale: its newest version has no license.")
            tasks.append({"text": text % {"title": name}, "href": again, "do": _("Publish a version with one")})
        if not title.get("zh-Hans"):
            text = _("“%(title)s” has no Chinese title, so buyers who search in Chinese do not find it.")
            tasks.append({"text": text % {"title": name}, "href": again, "do": _("Add it")})
        if not title.get("en"):
            text = _("“%(title)s” has no English title, so buyers who search in English do not find it.")
            tasks.append({"text": text % {"title": name}, "href": again, "do": _("Add it")})
    return tasks


@never_cache
@require_safe
@creators_only
def entries(request: HttpRequest, creator: Creator) -> HttpResponseBase:
    """This will send the ledger's entries about a creator's works, a line of JSON each."""
    name = f"ledger-{creator.handle}-{timezone.now():%Y-%m-%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(
        queries.entries_of(creator), content_type="application/jsonl; charset=utf-8", headers=headers
    )
