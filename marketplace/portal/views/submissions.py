"""What was handed in: how far it has come, why it was refused, and what holds it."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from assets.models import UploadInspection
from ledger.custody import own_key
from ledger.operations import Hands
from marketplace.intake import operations, queries
from marketplace.intake.models import Submission, SubmittedFile
from marketplace.intake.pricing import losses_of, priced
from marketplace.intake.rules import pack_name, read_pack
from marketplace.intake.stories import said
from marketplace.people.models import Creator
from marketplace.portal import evidence, words
from marketplace.portal.ceremonies import ceremony
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.claims import claim_row
from marketplace.portal.views.hand_in import plain
from marketplace.ui import formats

State = Submission.State
MOVING = (State.WAITING, State.UNFINISHED)


def _follows(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Lets a page that follows by itself be loaded again once its visitor is signed out; signing in leads back."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.headers.get("HX-Request") and not request.user.is_authenticated:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return view(request, *args, **kwargs)

    return answer


@never_cache
@require_safe
@creators_only
def submissions(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list what a creator handed in."""
    rows = [_row(row) for row in queries.submissions_of(creator)]
    return render(request, "portal/submissions.html", {"here": "sell", "rows": rows})


@never_cache
@require_safe
@_follows
@creators_only
def submission(request: HttpRequest, creator: Creator, submission: UUID) -> HttpResponse:
    """This will show one submission; while it is examined, the page asks again by itself."""
    found = _found(creator, submission)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse(plain(found))
    files = [_file(row) for row in found.files.all()]
    seen = sha256(repr((found.state, [file["state"] for file in files])).encode()).hexdigest()[:16]
    is_fragment = "HX-Request" in request.headers
    if is_fragment and request.GET.get("seen") == seen:
        return HttpResponse(status=204)  # nothing is new: what is shown, and where the keyboard is, stays
    context = {
        "here": "sell",
        **_row(found),
        "files": files,
        "inspected": sum(file["is_inspected"] for file in files),
        "findings": [said(finding) for finding in found.findings],
        "lost": [formats.sentence(one) for one in losses_of(read_pack(found.pack)[1])],
        "likenesses": [_likeness(row) for row in found.likenesses],
        "claims": [claim_row(row, creator) for row in queries.claims_about(found)],
        "is_moving": found.state in MOVING,
        "may_withdraw": found.state in (*MOVING, State.HELD, State.TO_SIGN),
        "stated": _stated(found) if found.state == State.TO_SIGN else {},
        "seen": seen,
        "is_fragment": is_fragment,
    }
    return render(request, "portal/_submission.html" if is_fragment else "portal/submission.html", context)


@require_POST
@creators_only
def sign(request: HttpRequest, creator: Creator, submission: UUID) -> HttpResponse:
    """This will say what the creator's own key is to sign, and publish with the signatures."""
    found = _found(creator, submission)

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        seed = bytes.fromhex(given["seed"])
        operations.publish_signed(submission=found, hands=hands, seed=seed, now=now)
        return reverse("submission", args=[found.pk])

    return ceremony(
        request, creator, purpose=f"publish.{found.pk}", act=act, fresh=lambda: {"seed": secrets.token_hex(32)}
    )


@require_POST
@creators_only
def retry(request: HttpRequest, creator: Creator, submission: UUID) -> HttpResponse:
    """This will let an examination that did not finish be done again."""
    found = _found(creator, submission)
    try:
        operations.try_again(submission=found, now=timezone.now())
    except operations.UnableToWithdraw as refusal:
        messages.error(request, str(refusal))
    return redirect("submission", found.pk)


@require_POST
@creators_only
def withdraw(request: HttpRequest, creator: Creator, submission: UUID) -> HttpResponse:
    """This will take a submission back."""
    found = _found(creator, submission)
    try:
        operations.withdraw(submission=found, now=timezone.now())
    except operations.UnableToWithdraw as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Taken back. Nothing of it is published; its files are here for another try."))
    return redirect("submission", found.pk)


def _found(creator: Creator, pk: UUID) -> Submission:
    found = queries.submission_of(creator, pk)
    if found is None:
        raise Http404
    return found


def _stated(found: Submission) -> dict[str, Any]:
    """Says in words what the creator is to sign."""
    draft, offers = read_pack(found.pack)
    return {
        "files": len(draft.files),
        "offers": [
            {
                "name": words.say(words.TERMS, one.terms.name),
                "price": words.price_text(one.model, one.price, one.unit, one.share_ppb),
            }
            for one in priced(draft, offers)
        ],
        "kid": key.kid if (key := own_key(found.creator)) else "",
    }


def _row(row: Submission) -> dict[str, Any]:
    title = row.pack.get("title") or {}
    return {
        "submission": row,
        "name": pack_name(row.creator.handle, row.pack),
        "version": row.pack["version"],
        "title": title,
        "state": words.say(words.SUBMISSION_STATES, row.state),
        "tone": words.SUBMISSION_TONES[row.state],
    }


def _file(row: SubmittedFile) -> dict[str, Any]:
    inspection: UploadInspection | None = getattr(row.upload, "inspection", None) if row.upload else None
    state = inspection.state if inspection else ""
    return {
        "path": row.path,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "state": words.say(words.INSPECTION_STATES, state) if state else "",
        "tone": words.INSPECTION_TONES.get(state, ""),
        "is_inspected": state in (UploadInspection.State.PASSED, UploadInspection.State.REFUSED),
    }


def _likeness(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "relation_words": words.say(words.RELATIONS, row["relation"]),
        "outcome_words": words.say(words.LIKENESS_OUTCOMES, row["outcome"]),
        "score": evidence.score(row["score_ppm"]),
    }
