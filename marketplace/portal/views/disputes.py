"""The operator's desk: disputes with the day their evidence is due, the evidence itself, and sending it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

import assets.queries
from marketplace.checkout import part_taken
from marketplace.checkout.disputes import Dispute, DisputeStep
from marketplace.checkout.evidence import making, submitting
from marketplace.checkout.evidence.standing import Standing, standing_of, standings_of
from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.models import PaymentOutcome
from marketplace.checkout.stripe_models import GatewayInquiry
from marketplace.portal import words_orders, words_told
from marketplace.portal.views.access import operators_only
from marketplace.ui.formats import say
from marketplace.ui.typesetting import FontsMissing

SHOWN = 200


@never_cache
@require_safe
@operators_only
def disputes(request: HttpRequest) -> HttpResponse:
    """This will list the disputes that wait, what is due first on top, and then the latest of the others."""
    now = timezone.now()
    ended = DisputeStep.objects.filter(state__in=[DisputeStep.WON, DisputeStep.LOST]).values("dispute")
    rows = Dispute.objects.select_related("order__studio")
    waiting = standings_of(rows.exclude(pk__in=ended).order_by("opened_at", "id")[:SHOWN])
    over = standings_of(rows.filter(pk__in=ended).order_by("-opened_at", "-id")[:SHOWN])
    waiting.sort(key=lambda one: (not one.waits, one.due_by is None, one.due_by or one.dispute.opened_at))
    context = {
        "here": "desk",
        "waiting": [_told(one, now) for one in waiting],
        "over": [_told(one, now) for one in over],
        "inquiries": _inquiries(),
    }
    return render(request, "portal/desk_disputes.html", context)


def _inquiries() -> list[dict[str, Any]]:
    """Lists what banks ask about without taking money, the newest first, each with its order where it is known."""
    rows = GatewayInquiry.objects.order_by("gateway", "reference", "-id").distinct("gateway", "reference")
    found = sorted(rows[:SHOWN], key=lambda row: row.pk, reverse=True)
    references = [row.charge_reference for row in found]
    paid = PaymentOutcome.objects.filter(reference__in=references).select_related("order__studio")
    orders = {row.reference: row.order for row in paid}
    return [
        {
            "inquiry": row,
            "order": orders.get(row.charge_reference),
            "state": say(words_told.INQUIRY_STATES, row.status),
        }
        for row in found
    ]


def _told(one: Standing, now: Any) -> dict[str, Any]:
    left = one.left(now)
    return {
        "one": one,
        "dispute": one.dispute,
        "state": say(words_orders.DISPUTES, one.state),
        "tone": words_orders.DISPUTE_TONES.get(one.state, ""),
        "sent": say(words_orders.SENT, one.sent),
        "left": _left(left.total_seconds()) if left is not None else "",
        "is_urgent": one.is_urgent(now),
    }


def _heard(found: Dispute, step: DisputeStep) -> str:
    in_part = step.state == DisputeStep.WON and step.amount_minor < found.amount_minor
    return "dispute-part-won" if in_part else f"dispute-{step.state}"


def _left(seconds: float) -> str:
    """Says how long is left, in days or hours, toward zero."""
    if seconds <= 0:
        return _("overdue")
    days, hours = int(seconds) // 86_400, int(seconds) // 3_600
    if days:
        return ngettext("%(count)d day left", "%(count)d days left", days) % {"count": days}
    return ngettext("%(count)d hour left", "%(count)d hours left", hours) % {"count": hours}


def _found(dispute: UUID) -> Dispute:
    row = Dispute.objects.select_related("order__studio", "order__buyer").filter(pk=dispute).first()
    if row is None:
        raise Http404
    return row


@never_cache
@require_safe
@operators_only
def dispute(request: HttpRequest, dispute: UUID) -> HttpResponse:
    """This will show a dispute: what it takes, the evidence, and what was sent."""
    found, now = _found(dispute), timezone.now()
    texts: dict[str, str] = {}
    standing = standing_of(found)
    if standing.bundle:
        texts, _files = submitting.contents_of(standing.bundle)
    context = {
        "here": "desk",
        **_told(standing, now),
        "order": found.order,
        "reason": say(words_told.DISPUTE_REASONS, found.reason),
        "parts": found.parts.select_related("line__offer__release__pack__creator", "line__offer__terms"),
        "steps": [(say(words_orders.STEPS, _heard(found, one)), one) for one in found.steps.all()],
        "bundles": found.bundles.select_related("by").order_by("-number"),
        "submissions": found.submissions.select_related("by", "outcome", "bundle").order_by("-number"),
        "texts": texts,
        "takes_evidence": submitting.takes_evidence(found),
        "licenses": [(one, say(words_told.LICENSE_STATES, one.status)) for one in part_taken.licenses_of(found)],
    }
    return render(request, "portal/desk_dispute.html", context)


@never_cache
@require_POST
@operators_only
def make(request: HttpRequest, dispute: UUID) -> HttpResponse:
    """This will make the evidence about a dispute from what is known now."""
    found = _found(dispute)
    before = found.bundles.count()
    try:
        made = making.make_bundle(dispute=found, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    except FontsMissing as error:
        messages.error(request, str(error))
    else:
        if made.number > before:
            messages.success(request, _("The evidence is made."))
        else:
            messages.info(request, _("Nothing is new since the evidence was made."))
    return redirect("desk-dispute", dispute=found.pk)


@never_cache
@require_POST
@operators_only
def send(request: HttpRequest, dispute: UUID) -> HttpResponse:
    """This will send the evidence to the gateway, or keep how it was sent by hand; once."""
    found, now = _found(dispute), timezone.now()
    try:
        if "note" in request.POST:
            note = request.POST["note"]
            submitting.record_by_hand(dispute=found, note=note, by=request.user, now=now)  # type: ignore[arg-type]
            messages.success(request, _("It is kept that the evidence was sent."))
        else:
            sent = submitting.submit(dispute=found, by=request.user, now=now)  # type: ignore[arg-type]
            _say_sent(request, sent.outcome.outcome, sent.outcome.reason)
    except submitting.UnableToSubmitEvidence as error:
        messages.error(request, error.reason)
    except GatewayUnavailable:
        messages.warning(request, _("The payment provider gave no answer: the worker asks again, and sends it once."))
    return redirect("desk-dispute", dispute=found.pk)


@never_cache
@require_POST
@operators_only
def revoke(request: HttpRequest, dispute: UUID, part: int) -> HttpResponse:
    """This will revoke a license of which the bank took a part of the price for good."""
    found = _found(dispute)
    row = found.parts.select_related("line__replaces", "dispute").filter(pk=part).first()
    if row is None:
        raise Http404
    said, by = request.POST.get("words", ""), request.user
    try:
        part_taken.revoke_license(part=row, words=said, by=by, now=timezone.now())  # type: ignore[arg-type]
        messages.success(request, _("The license is revoked."))
    except part_taken.UnableToRevokeLicense as error:
        messages.error(request, error.why)
    return redirect("desk-dispute", dispute=found.pk)


def _say_sent(request: HttpRequest, outcome: str, reason: str) -> None:
    if outcome == "accepted":
        messages.success(request, _("The bank has the evidence."))
    else:
        messages.error(request, _("The payment provider did not take the evidence: %s") % reason)


@never_cache
@require_safe
@operators_only
def evidence(request: HttpRequest, dispute: UUID, number: int) -> HttpResponseBase:
    """This will send a bundle of evidence as it was made."""
    bundle = _found(dispute).bundles.filter(number=number).first()
    if bundle is None:
        raise Http404
    file = assets.queries.open_blob(bundle.sha256)
    headers = {"Content-Length": str(bundle.size_bytes)}
    name = f"evidence-{bundle.dispute.reference}-{bundle.number}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip", headers=headers)
