"""Claims: what was found in whose work, what either side says, and what one may do."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from assets.originality.compare import UnableToCompare
from marketplace.catalog import queries as catalog
from marketplace.intake import clocks, operations, queries
from marketplace.intake.models import Claim
from marketplace.people.models import Creator
from marketplace.portal import evidence, words
from marketplace.portal.forms.claims import AnswerForm, ReportForm
from marketplace.portal.pictures import (
    claimed_picture,
    disputed_picture,
    has_claimed_picture,
    has_disputed_picture,
    public_picture,
)
from marketplace.portal.views.access import creators_only


@never_cache
@require_safe
@creators_only
def claims(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list the claims that a creator made or has to answer."""
    rows = [claim_row(row, creator) for row in queries.claims_of(creator)]
    return render(request, "portal/claims.html", {"here": "sell", "rows": rows})


@never_cache
@require_safe
@creators_only
def claim(request: HttpRequest, creator: Creator, claim: UUID) -> HttpResponse:
    """This will show a claim to one of its two parties."""
    return _page(request, creator, _found(creator, claim))


def _page(request: HttpRequest, creator: Creator, found: Claim, form: AnswerForm | None = None) -> HttpResponse:
    party: clocks.Party = "claimant" if found.claimant_id == creator.pk else "respondent"
    may = clocks.next_steps(queries.steps_of(found), party, timezone.now())
    context = {
        "here": "sell",
        **claim_row(found, creator),
        "party": party,
        "may": may,
        "form": form or AnswerForm(),
        "says": [kind for kind in may if kind not in clocks.ENDINGS],
        "gives_in": next((kind for kind in may if kind in clocks.ENDINGS), ""),
        "events": [{"event": event, "name": words.say(words.CLAIM_EVENTS, event.kind)} for event in found.events.all()],
        "is_frozen": found.release is not None and queries.is_evident(found),
        "files": evidence.files(found.evidence),
        "measures": evidence.measures(found.evidence),
        "groups": evidence.groups(found.evidence),
        "evidence": json.dumps(found.evidence, ensure_ascii=False, indent=2),
        "sources": evidence.sources(found.evidence, queries.published_as(evidence.source_ids(found.evidence))),
        "their_picture": public_picture(found.asset_id),
        "has_claimed_picture": has_claimed_picture(found),
        "has_disputed_picture": has_disputed_picture(found),
    }
    return render(request, "portal/claim.html", context, status=422 if form and form.errors else 200)


@require_POST
@creators_only
def answer(request: HttpRequest, creator: Creator, claim: UUID) -> HttpResponse:
    """This will add what one of the parties answers."""
    found = _found(creator, claim)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _page(request, creator, found, form)
    try:
        operations.answer(claim=found, person=creator.person, now=timezone.now(), **form.cleaned_data)
    except operations.UnableToAnswer as refusal:
        form.add_error(None, str(refusal))
        return _page(request, creator, found, form)
    messages.success(request, _("Said. It is stated in the public log."))
    return redirect(reverse("claim", args=[found.pk]) + "#top")


@never_cache
@require_safe
@creators_only
def picture(request: HttpRequest, creator: Creator, claim: UUID, side: str = "disputed") -> HttpResponse:
    """This will send a small copy of the disputed or the claimed picture to the two parties, and to nobody else."""
    draw = claimed_picture if side == "claimed" else disputed_picture
    found = draw(_found(creator, claim))
    if found is None:
        raise Http404
    return HttpResponse(found, content_type="image/webp", headers={"Cache-Control": "private, no-store"})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@creators_only
def report(request: HttpRequest, creator: Creator, owner: str, pack: str, version: str) -> HttpResponse:
    """This will take a creator's report that a published release holds their own work."""
    release = catalog.release(owner, pack, version)
    if release is None:
        raise Http404
    form = ReportForm(
        request.POST if request.method == "POST" else None,
        disputed=list(release.assets.all()),
        own=queries.published_by(creator),
    )
    if form.is_bound and form.is_valid():
        try:
            made = operations.report(claimant=creator, now=timezone.now(), **form.cleaned_data)
        except (operations.UnableToClaim, UnableToCompare) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, _("The claim is open, and stated in the public log."))
            return redirect("claim", made.pk)
    context = {"here": "sell", "form": form, "release": release, "may": release.pack.creator_id != creator.pk}
    return render(request, "portal/report.html", context, status=422 if form.errors else 200)


def _found(creator: Creator, pk: UUID) -> Claim:
    found = queries.claim_of(creator, pk)
    if found is None:
        raise Http404
    return found


def claim_row(row: Claim, creator: Creator) -> dict[str, Any]:
    """This will say how a claim stands, as one of its two parties reads it."""
    steps = queries.steps_of(row)
    waits = clocks.waits_for(steps)
    mine = {"claimant": row.claimant_id, "respondent": row.respondent_id}.get(waits) == creator.pk
    return {
        "claim": row,
        "relation": words.say(words.RELATIONS, row.relation),
        "score": evidence.score(row.score_ppm),
        "waits": words.say(words.CLAIM_WAITS, waits),
        "due_at": steps[-1].due_at if waits else None,
        "is_mine_to_answer": mine,
        "ending": words.say(words.CLAIM_EVENTS, steps[-1].kind) if not waits else "",
        "for_claimant": steps[-1].kind in clocks.FOR_CLAIMANT,
    }
