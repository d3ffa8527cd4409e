"""What my studios hold: licenses, their papers and their proof."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

import ledger.queries
from marketplace.checkout.queries import subscription_of
from marketplace.checkout.subscription_states import state_of
from marketplace.licensing import bundles, holding_queries, operations, pricing
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.terms.model import Terms
from marketplace.people.models import Seat, Studio
from marketplace.people.queries import studios_of
from marketplace.storefront import held, pictures, provenance, queries, words, words_held
from marketplace.storefront.elsewhere import forms_of
from marketplace.storefront.forms_licenses import FilterForm, SeatForm, SubscriptionForm, UsageForm
from marketplace.storefront.license_rows import license_rows
from marketplace.ui.sheets import sheet

RETRY_SECONDS = 2
MOST_LOOKS = 10
"""How often the page that waits for a proof looks again by itself: nobody is to be interrupted by it for ever."""
SOON = timedelta(days=30)
FINAL = (GrantStatus.REVOKED, GrantStatus.SUPERSEDED)
OVER = (*FINAL, licensing.EXPIRED)


def find_held(request: HttpRequest, grant: object) -> Grant:
    """This will find a license that one of the visitor's studios holds; to everybody else it is not there."""
    found = licensing.grant_of(studios_of(request.user), str(grant))  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


@never_cache
@login_required
@require_safe
def licenses(request: HttpRequest) -> HttpResponse:
    """This will list what the visitor's studios hold, as far as it is wanted."""
    now = timezone.now()
    studios, form, chosen = _chosen(request)
    grants, after = licensing.grants_of(**_narrowed(studios, chosen, now), after=chosen.get("cursor", ""), now=now)
    sealed = queries.sealed_grants(grants)
    rows = [{**shown(grant, now), "grant": grant, "sealed": grant.pk in sealed} for grant in grants]
    context = {
        "here": "licenses",
        "rows": rows,
        "after": after,
        "studios": studios,
        "form": form,
        "is_narrowed": bool(chosen.keys() - {"cursor"}),
    }
    return render(request, "storefront/licenses.html", context)


def _chosen(request: HttpRequest) -> tuple[list[Studio], FilterForm, dict[str, str]]:
    studios = list(studios_of(request.user))  # type: ignore[arg-type]
    projects, packs = holding_queries.projects_of(studios), held.packs_held(studios)
    form = FilterForm(request.GET, studios=studios, projects=projects, packs=packs)
    return studios, form, form.read()


def _narrowed(studios: list[Studio], chosen: dict[str, str], now: datetime) -> dict[str, Any]:
    """Says what was chosen as `grants_of` takes it."""
    state = chosen.get("state", "")
    is_ending = state == words_held.ENDING
    return {
        "studios": [studio for studio in studios if chosen.get("studio", str(studio.pk)) == str(studio.pk)],
        "pack": chosen.get("pack", ""),
        "state": "active" if is_ending else state,
        "project": chosen.get("project") or None,
        "ending_before": now + SOON if is_ending else None,
    }


def shown(grant: Grant, now: datetime) -> dict[str, Any]:
    """This will say of a license what every page shows of it: its cover, the name of its terms, its state."""
    covers = grant.release.covers  # type: ignore[attr-defined]
    state: str = grant.state  # type: ignore[attr-defined]
    if state == "active" and grant.ends_at is not None and grant.ends_at <= now + SOON:
        state = words_held.ENDING
    return {
        "terms": words.say(words.TERMS, grant.terms.name),
        "state": state,
        "state_name": words.say(words_held.STATES, state),
        "state_tone": words_held.TONES.get(state, ""),
        "state_icon": words_held.ICONS.get(state, ""),
        **pictures.shown(covers[0].asset.previews.all() if covers else [], 960),
    }


@login_required
@require_safe
def licenses_csv(request: HttpRequest) -> HttpResponseBase:
    """This will send the same list as CSV (RFC 4180), all of it."""
    now = timezone.now()
    studios, _form, chosen = _chosen(request)
    return sheet(license_rows(_narrowed(studios, chosen, now), now), f"licenses-{now:%Y-%m-%d}.csv")


@never_cache
@login_required
@require_safe
def license(request: HttpRequest, grant: object) -> HttpResponse:
    """This will show one license: its certificate, its terms, its proof, and what can be done with it."""
    return license_page(request, find_held(request, grant))


def license_page(
    request: HttpRequest, grant: Grant, *, status: int = 200, **forms: SeatForm | SubscriptionForm | UsageForm
) -> HttpResponse:
    """This will show a license, with forms as they were refused."""
    now = timezone.now()
    entry = queries.entry_about("grant", f"grant:{grant.pk}")
    stands = queries.standing(entry) if entry else None
    key = str(ledger.queries.verifier_key())
    site = site_of(request)
    terms = licensing.terms_of(grant.terms)
    context = {
        "here": "licenses",
        "grant": grant,
        "release": grant.release,
        "terms_name": words.say(words.TERMS, grant.terms.name),
        "rights": words.rights_of(terms),
        "kind": words.say(words_held.KINDS, grant.kind),
        "stands": stands,
        "is_pending": stands is None or stands.index is None,
        "steps": provenance.grant_steps(grant, stands, reverse("log")),
        "verify_command": f'curl -O {site}{reverse("source")}\npython verify.py {grant.pk}.zip \\\n  --key "{key}"',
        "api_command": _api_command(site, grant),
        **shown(grant, now),
        **_affairs(request, grant, terms, now),
        # What somebody typed is not swapped away when the proof is sealed.
        "is_refused": bool(forms),
        # Whoever sees no form is told at the top why what they sent was refused.
        "refusals": [error for form in forms.values() for errors in form.errors.values() for error in errors],
        **forms,
    }
    return render(request, "storefront/license.html", context, status=status)


def _affairs(request: HttpRequest, grant: Grant, terms: Terms, now: datetime) -> dict[str, Any]:
    """Gathers what goes with a license: seats, subscription, use, downloads, and the licenses before and after it."""
    seats = holding_queries.seats_of(grant)
    members = list(held.members_of(grant.studio))
    subscription = subscription_of(grant)
    is_over = grant.state in OVER  # type: ignore[attr-defined]
    is_billed = grant.offer.model in pricing.BILLED_LATER
    chain = _chain(grant, now)
    is_followed = any(one["grant"].replaces_id == grant.pk for one in chain)
    now_seats = getattr(subscription, "renews_with", grant.seats)
    return {
        "may_manage": any(seat.person_id == request.user.pk and seat.role != Seat.MEMBER for seat in members),
        "is_over": is_over,
        "seats": seats,
        "seat_form": SeatForm(members=members, taken=seats),
        "subscription": subscription,
        "subscribed": state_of(subscription, now) if subscription else "",
        "cause": words.say(words_held.CAUSES, subscription.end.cause) if hasattr(subscription, "end") else "",
        "subscription_form": SubscriptionForm(initial={"seats": now_seats, "key": str(uuid4())}),
        "is_billed": is_billed,
        "usage_form": UsageForm(grant=grant),
        "reports": held.reports_of(grant) if is_billed else [],
        "report_columns": _report_columns(grant),
        "downloads": held.downloads_of(grant),
        "chain": chain,
        "is_transferable": terms.transferable,
        "may_renew": subscription is None and not is_followed and may_be_renewed(grant),
    }


def may_be_renewed(grant: Grant) -> bool:
    """This will tell whether a license that ends can be licensed on under the same offer."""
    return (
        grant.ends_at is not None
        and grant.status == GrantStatus.ACTIVE  # type: ignore[attr-defined]
        and not hasattr(grant.offer, "withdrawal")
    )


def _report_columns(grant: Grant) -> list[dict[str, str]]:
    counted = grant.offer.unit or _("Revenue")
    return [
        {"label": _("Days"), "kind": "text"},
        {"label": counted, "kind": "num"},
        {"label": _("Reported"), "kind": "text"},
        {"label": _("Billed"), "kind": "num"},
    ]


def _chain(grant: Grant, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "grant": one,
            "kind": words.say(words_held.KINDS, one.kind),
            "terms": words.say(words.TERMS, one.terms.name),
            "state": words.say(words_held.STATES, one.state),  # type: ignore[attr-defined]
            "is_this": one.pk == grant.pk,
        }
        for one in held.history_of(grant, now)
    ]


def site_of(request: HttpRequest) -> str:
    """This will give the address of this site as the visitor reached it."""
    return request.build_absolute_uri("/").rstrip("/")


def _api_command(site: str, grant: Grant) -> str:
    return (
        f'curl -H "Authorization: Bearer $WORLDLOOM_KEY" \\\n  -o {grant.pk}.zip \\\n'
        f"  {site}{reverse('api-download', args=[grant.pk])}"
    )


@login_required
@require_safe
def download(request: HttpRequest, grant: object) -> HttpResponseBase:
    """This will send the bundle of a license: files, manifest, certificate and proofs."""
    found = find_held(request, grant)
    try:
        chunks = bundles.stream(found, site=site_of(request))
    except bundles.ProofPending as error:
        looks = request.GET.get("looks", "")
        looked = int(looks) if re.fullmatch("[0-9]{1,3}", looks) else 0
        context = {"grant": found, "sentence": str(error), "retry_seconds": RETRY_SECONDS}
        context["next"] = looked + 1 if looked < MOST_LOOKS else None
        response = render(request, "storefront/download_pending.html", context, status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        response["Cache-Control"] = "no-store"
        return response
    except bundles.NotDownloadable as error:
        context = {"grant": found, "sentence": str(error)}
        return render(request, "storefront/download_refused.html", context, status=403)
    if request.method == "GET":
        operations.record_download(grant=found, by=str(request.user), now=timezone.now())
    return StreamingHttpResponse(
        chunks,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{found.pk}.zip"',
            "Cache-Control": "private, no-store",
        },
    )


@require_safe
def terms(request: HttpRequest, digest: str) -> HttpResponse:
    """This will show the full text of terms, in both languages, under the digest that grants fix."""
    found = licensing.terms_text(digest)
    if found is None:
        raise Http404
    context = {
        "terms": found,
        "name": words.say(words.TERMS, found.name),
        "document": bytes(found.document).decode(),
        "site": settings.SITE_URL,
        "elsewhere": forms_of(
            licensing.terms_of(found), digest=found.digest, subject=request.build_absolute_uri(request.path)
        ),
    }
    return render(request, "storefront/terms.html", context)
