"""Finding what a request of a studio means: its body, its offers, its licenses, its projects."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request

from marketplace.api import questions
from marketplace.api.errors import InvalidRequest
from marketplace.api.fields import StrictSerializer
from marketplace.api.problems import Finding, pointer
from marketplace.checkout.operations import Ask, asks_of
from marketplace.checkout.placing import SAVED
from marketplace.licensing import holding_queries, pricing_queries
from marketplace.licensing import queries as licensing
from marketplace.licensing.holdings import Project
from marketplace.licensing.models import Grant, Offer
from marketplace.people.models import Studio

Said = Mapping[str, Any]


def studio_of(request: Request) -> Studio:
    """This will give the studio whose key it is."""
    studio: Studio = request.auth.studio
    return studio


def body(request: Request, form: type[StrictSerializer]) -> dict[str, Any]:
    """This will read a body by its form, and no query beside it; raises InvalidRequest for what it cannot be."""
    questions.query(request, {})
    read = form(data=request.data)
    read.is_valid(raise_exception=True)
    found: dict[str, Any] = read.validated_data
    return found


def method_in(asked: Said) -> str:
    """This will say how an order is paid: a card, one that is kept, or nothing for the gateway's own page."""
    payment = asked.get("payment", {})
    return f"{SAVED}{payment['method']}" if "method" in payment else payment.get("card", "")


def midnight(day: date) -> datetime:
    """This will give the moment at which a day begins (UTC)."""
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    """This will give the moment at which a day is over (UTC); the last day there is has no moment after it."""
    return midnight(day + timedelta(days=1)) if day < date.max else datetime.max.replace(tzinfo=UTC)


def grant_of(request: Request, grant_id: UUID, now: datetime) -> Grant:
    """This will find a license of the studio, or raise Http404: what others hold is not there."""
    grant = licensing.grant_of([studio_of(request)], grant_id, now=now)
    if grant is None:
        raise Http404(_("Your studio holds no license with the id %s.") % grant_id)
    return grant


def project_of(request: Request, project_id: UUID) -> Project:
    """This will find a project of the studio, or raise Http404."""
    project = holding_queries.project_of([studio_of(request)], project_id)
    if project is None:
        raise Http404(_("Your studio has no project with the id %s.") % project_id)
    return project


def project_in(said: Said, studio: Studio, *place: object) -> Project | None:
    """This will find the project that a body names, if it does, or raise InvalidRequest with its place."""
    if "project" not in said:
        return None
    found = holding_queries.project_of([studio], said["project"])
    if found is None:
        message = _("Your studio has no project with the id %s.") % said["project"]
        raise InvalidRequest([Finding("body", pointer(*place, "project"), message)])
    return found


def offer_in(said: Said) -> Offer:
    """This will find the one offer that a body names, or raise InvalidRequest."""
    return offers_in([said["offer"]], lambda _place: ("offer",))[0]


def offers_in(ids: Sequence[UUID], at: Any) -> list[Offer]:
    """This will find offers by id, or raise InvalidRequest that names the place of each that there is not."""
    found = licensing.offers(ids)
    findings = [
        Finding("body", pointer(*at(place)), _("No offer has the id %s.") % offer_id)
        for place, offer_id in enumerate(ids)
        if offer_id not in found
    ]
    if findings:
        raise InvalidRequest(findings)
    return [found[offer_id] for offer_id in ids]


def asks_in(said: Said, studio: Studio) -> list[Offer | Ask]:
    """This will find what an order is for, or raise InvalidRequest with the place of each thing that there is not."""
    if "collection" in said:
        row = pricing_queries.collection(said["collection"])
        if row is None:
            message = _("No collection with the id %s is sold now.") % said["collection"]
            raise InvalidRequest([Finding("body", "/collection", message)])
        return list(asks_of(row, project=project_in(said, studio)))
    if "offers" in said:
        return list(offers_in(said["offers"], lambda place: ("offers", place)))
    asks: list[Offer | Ask] = []
    findings: list[Finding] = []
    for place, item in enumerate(said["items"]):
        try:
            asks.append(_ask(place, item, studio))
        except InvalidRequest as error:
            findings += error.findings
    if findings:
        raise InvalidRequest(findings)
    return asks


def _ask(place: int, item: Said, studio: Studio) -> Ask:
    def wrong(name: str, message: str) -> InvalidRequest:
        return InvalidRequest([Finding("body", pointer("items", place, *([name] if name else [])), message)])

    follows = [name for name in ("renews", "upgrades") if name in item]
    if len(follows) > 1:
        raise wrong("upgrades", _("A license is renewed or upgraded: name one of them."))
    replaces = None
    for name in follows:
        replaces = licensing.grant_of([studio], item[name])
        if replaces is None:
            raise wrong(name, _("Your studio holds no license with the id %s.") % item[name])
    if "offer" not in item and follows != ["renews"]:
        raise wrong("offer", _("Name an offer; only a license that is renewed has one already."))
    wanted = item.get("offer", replaces.offer_id if replaces else None)
    (offer,) = offers_in([wanted], lambda _place: ("items", place, "offer"))
    quote = None
    if "quote_request" in item:
        quote = pricing_queries.quote_request(item["quote_request"])
        if quote is None or quote.studio_id != studio.pk:
            raise wrong("quote_request", _("Your studio has no request with the id %s.") % item["quote_request"])
    return Ask(
        offer,
        seats=item.get("seats", 0),
        project=project_in(item, studio, "items", place),
        pays_minor=item.get("amount_minor"),
        starts_at=midnight(item["starts_on"]) if "starts_on" in item else None,
        code=item.get("code", ""),
        quote=quote,
        kind={"renews": "renewal", "upgrades": "upgrade"}[follows[0]] if follows else "buy",
        replaces=replaces,
        expect_minor=item.get("expect_minor"),
    )
