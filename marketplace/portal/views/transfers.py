"""Handing a pack over to another creator: proposed on its page, answered on a page of its own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from ledger.custody import own_key
from ledger.operations import Hands, UnableToCount, UnableToSignFor
from marketplace.catalog import handing_over, transferring
from marketplace.catalog.models import TransferProposal
from marketplace.catalog.transferring import UnableToTransfer
from marketplace.people.models import Creator
from marketplace.people.queries import creator_named
from marketplace.portal import queries
from marketplace.portal.ceremonies import ceremony
from marketplace.portal.token_moves import tokens_in
from marketplace.portal.views.access import creators_only

REFUSALS = (UnableToTransfer, UnableToSignFor, UnableToCount)


@require_POST
@creators_only
def propose(request: HttpRequest, creator: Creator, of: str, pack: str) -> HttpResponse:
    """This will propose to hand a pack over; an own key signs that in the browser, at once."""
    found = queries.pack_of(creator, pack, of)
    if found is None:
        raise Http404

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        named = str(given.get("new_owner", "")).strip().lower()
        new_owner = creator_named(named)
        if new_owner is None:
            raise UnableToTransfer(found, _("No creator has the handle “%(handle)s”.") % {"handle": named[:40]})
        transferring.propose_transfer(pack=found, new_owner=new_owner, by=creator, hands=hands, now=now)
        return reverse("portal-pack-of", args=[of, pack]) + "#transfer"

    if "application/json" in request.headers.get("Content-Type", ""):
        return ceremony(request, creator, purpose=f"propose.{found.pk}", act=act)
    try:
        address = act(Hands([]), timezone.now(), request.POST)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return redirect(reverse("portal-pack-of", args=[of, pack]) + "#transfer")
    messages.success(request, _("Proposed. Nothing changes before the other creator has accepted."))
    return redirect(address)


@never_cache
@require_safe
@creators_only
def proposal(request: HttpRequest, creator: Creator, proposal: UUID) -> HttpResponse:
    """This will show one of the two creators what is proposed, and what accepting it means."""
    row = _found(creator, proposal)
    releases = queries.versions_of(row.pack)
    shares = queries.own_shares(row.new_owner, releases)
    context = {
        "here": "sell",
        "proposal": row,
        "title": releases[0].title,
        "releases": releases,
        "is_theirs": row.owner_id == creator.pk,
        "is_open": row.state == TransferProposal.State.OPEN and row.due_at > timezone.now(),
        "signs_here": own_key(creator) is not None,
        "has_share": any(shares.values()),
        "tokens": tokens_in(row, creator.pk),
    }
    return render(request, "portal/transfer.html", context)


@require_POST
@creators_only
def accept(request: HttpRequest, creator: Creator, proposal: UUID) -> HttpResponse:
    """This will accept a pack: signed by both, stated, and the new owner's from here on; after its tokens, if any."""
    row = _found(creator, proposal)

    def act(hands: Hands, now: datetime, given: Mapping[str, Any]) -> str:
        if "without_tokens" in given:
            handing_over.take_without_tokens(proposal=row, by=creator, hands=hands, now=now)
            row.state = TransferProposal.State.ACCEPTED
        elif "wallet" in given:
            wallet = str(given["wallet"])
            handing_over.take_over(proposal=row, by=creator, wallet=wallet, hands=hands, now=now)
            row.refresh_from_db(fields=["state"])
        else:
            transferring.transfer_pack(proposal=row, by=creator, hands=hands, now=now)
            row.state = TransferProposal.State.ACCEPTED
        if row.state != TransferProposal.State.ACCEPTED:
            return reverse("transfer", args=[row.pk])
        return reverse("portal-pack-of", args=[row.pack.creator.handle, row.pack.handle])

    if "application/json" in request.headers.get("Content-Type", ""):
        return ceremony(request, creator, purpose=f"accept.{row.pk}", act=act)
    try:
        address = act(Hands([]), timezone.now(), request.POST)
    except REFUSALS as refusal:
        messages.error(request, str(refusal))
        return redirect("transfer", row.pk)
    if row.state != TransferProposal.State.ACCEPTED:
        messages.success(request, _("Accepted. The pack is yours as soon as its tokens are in your wallet."))
        return redirect(address)
    messages.success(request, _("%(pack)s is yours. The log says so of each of its versions.") % {"pack": row.pack})
    return redirect(address)


@require_POST
@creators_only
def end(request: HttpRequest, creator: Creator, proposal: UUID) -> HttpResponse:
    """This will decline a proposal, or withdraw one's own."""
    row = _found(creator, proposal)
    try:
        transferring.end_proposal(proposal=row, by=creator, now=timezone.now())
    except UnableToTransfer as refusal:
        messages.error(request, str(refusal))
        return redirect("transfer", row.pk)
    if row.owner_id == creator.pk:
        messages.success(request, _("Withdrawn: the pack stays yours."))
        return redirect("portal-pack-of", row.pack.creator.handle, row.pack.handle)
    messages.success(request, _("Declined: the pack stays with its owner."))
    return redirect("sell")


def _found(creator: Creator, pk: UUID) -> TransferProposal:
    rows = TransferProposal.objects.select_related("pack__creator", "pack__owner", "owner", "new_owner")
    row = rows.filter(pk=pk).first()
    if row is None or creator.pk not in (row.owner_id, row.new_owner_id):
        raise Http404
    return row
