"""A creator's own statements, for their API key: which there are, what they say, and that the log has them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api import documentation, parameters, questions, statement_shapes
from marketplace.api.answers import Shape, Site
from marketplace.api.authentication import CreatorKeyAuthentication
from marketplace.api.door import PRIVATE, Door, not_modified, page
from marketplace.api.errors import CreatorKeyMissing, InvalidRequest, ProofNotPublished
from marketplace.api.problems import Finding
from marketplace.api.renderers import CsvRenderer, FastJSONRenderer, ProblemRenderer
from marketplace.payouts import statement_queries as books
from marketplace.payouts.models import Posting
from marketplace.payouts.statement_proofs import proof_of, statement_with
from marketplace.payouts.statement_queries import NoStatement, Paper
from marketplace.payouts.statements import Statement
from marketplace.people.models import Creator

RUNNING = "running"
"""How addresses name what came since the last closed month."""

_FORMS = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
_READS = ("api-key-missing", "not-found", "invalid-request")
_MAX_LINE = (1 << 63) - 1


class CreatorDoor(Door):
    """An address about a creator's own money: a creator's key opens it, a studio's does not."""

    authentication_classes = [CreatorKeyAuthentication]

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> NoReturn:
        """This will say which key is missing."""
        raise CreatorKeyMissing


def creator_of(request: Request) -> Creator:
    """This will give the creator whose key it is."""
    creator: Creator = request.auth.creator
    return creator


def currency(value: str) -> str:
    """This will read the code of a currency."""
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(_("must be the code of a currency such as USD."))
    return value


def line_number(value: str) -> int:
    """This will read the number of a royalty line."""
    if not re.fullmatch(r"[0-9]{1,19}", value) or not 1 <= int(value) <= _MAX_LINE:
        raise ValueError(_("must be the number of a royalty line."))
    return int(value)


class Statements(CreatorDoor):
    """Closed months."""

    @extend_schema(
        operation_id="statements_list",
        summary="List statements",
        tags=["statements"],
        parameters=documentation.paged(OpenApiParameter("currency", str, description="Only in this one, as in USD.")),
        responses=documentation.answers(statement_shapes.StatementPage, "api-key-missing", "invalid-request"),
        examples=statement_shapes.LISTED,
    )
    def get(self, request: Request) -> Response:
        """This will list the closed months of the key's creator, newest first, one statement a currency. What came
        since then is read at `/statements/running/{currency}`.
        """
        readers = {
            "currency": currency,
            "cursor": questions.cursor("statements", lambda text: bool(re.fullmatch(r"[A-Z]{3}", text))),
            "limit": questions.limit,
        }
        asked = questions.query(request, readers)
        rows, more = _page_of(creator_of(request), asked)
        last_of = _transactions(rows)
        data = [_row(row, last_of.get(row.period.through), request.build_absolute_uri) for row in rows]
        return page(request, data, questions.as_cursor("statements", more))


def _page_of(creator: Creator, asked: Mapping[str, Any]) -> tuple[list[Statement], str | None]:
    """Cuts one page out of a creator's statements, and names the place of its last row if more follow; one query."""
    rows = Statement.objects.select_related("period").filter(creator=creator)
    if "currency" in asked:
        rows = rows.filter(period__currency=asked["currency"])
    if at := asked.get("cursor"):
        moment, _sign, code = at.partition("~")
        rows = rows.filter(Q(period__period__lt=moment[:7]) | Q(period__period=moment[:7], period__currency__gt=code))
    size = asked.get("limit", questions.DEFAULT_LIMIT)
    found = list(rows.order_by("-period__period", "period__currency")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1].period
    return found[:size], f"{last.period}-01T00:00:00+00:00~{last.currency}"


def _transactions(rows: list[Statement]) -> dict[int, UUID]:
    """Finds the transaction that each month's last posting belongs to; one query."""
    found = Posting.objects.filter(pk__in={row.period.through for row in rows})
    return dict(found.values_list("pk", "transaction_id"))


def _row(row: Statement, last: UUID | None, site: Site) -> Shape:
    args = [row.period.period, row.period.currency]
    return {
        "period": row.period.period,
        "currency": row.period.currency,
        "opening_minor": row.opening_minor,
        "closing_minor": row.closing_minor,
        "royalty_lines": row.lines,
        "transaction": last,
        "sha256": row.digest,
        "closed_at": row.period.closed_at,
        "url": site(reverse("api-statement", args=args)),
        "proof": site(reverse("api-statement-proof", args=args)),
    }


def _paper(request: Request, period: str, code: str) -> Paper:
    """Finds the creator's own statement; of others' nothing is told."""
    if period != RUNNING and not re.fullmatch(r"[0-9]{4}-[0-9]{2}", period):
        raise InvalidRequest([Finding("path", "period", _("must be a month such as 2026-11, or “running”."))])
    try:
        currency(code)
    except ValueError as error:
        raise InvalidRequest([Finding("path", "currency", str(error))]) from None
    creator = creator_of(request)
    try:
        if period == RUNNING:
            return books.running(creator, currency=code)
        return books.closed(creator, period=period, currency=code)
    except NoStatement as error:
        raise Http404(str(error)) from error


class OneStatement(CreatorDoor):
    """A statement."""

    renderer_classes = [FastJSONRenderer, ProblemRenderer, CsvRenderer]

    @extend_schema(
        operation_id="statements_read",
        summary="Read a statement",
        tags=["statements"],
        parameters=[
            statement_shapes.PERIOD,
            statement_shapes.CURRENCY,
            parameters.choice("format", tuple(_FORMS), "Instead of the header Accept."),
        ],
        responses=documentation.answers(dict, *_READS, also=("text/csv",)),
    )
    def get(self, request: Request, period: str, currency: str) -> HttpResponseBase:
        """This will write a statement of the key's creator, as JSON (docs/formats/royalty-statement.md) or as CSV in
        the language of `Accept-Language`: to the byte what the portal sends. Of a closed month it never changes.
        """
        asked = questions.query(request, {"format": questions.choice(*_FORMS)})
        form = questions.form(request, asked)
        paper = _paper(request, period, currency)
        language = "zh-hans" if (get_language() or "en").startswith("zh") else "en"
        name = f"statement-{paper.creator.handle}-{period}-{currency}.{form}"
        headers = {
            "Content-Type": _FORMS[form],
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": PRIVATE,
            "ETag": f'"{paper.digest()}"' if form == "json" else f'"{paper.digest()}-{form}-{language}"',
            "Vary": "Accept, Accept-Language",
        }
        if short := not_modified(request._request, HttpResponse(headers=headers)):
            return short
        if request.method == "HEAD":
            return HttpResponse(headers=headers)
        return StreamingHttpResponse(_pieces(paper, form, language), headers=headers)


def _pieces(paper: Paper, form: str, language: str) -> Iterator[bytes]:
    with transaction.atomic():
        yield from books.written_as(paper, form, language=language, site=f"{settings.SITE_URL}/verify_royalty.py")


class StatementProof(CreatorDoor):
    """The proof of a statement."""

    @extend_schema(
        operation_id="statements_proof",
        summary="Prove a statement",
        tags=["statements"],
        parameters=[statement_shapes.PERIOD, statement_shapes.CURRENCY, statement_shapes.LINE],
        responses=documentation.answers(dict, *_READS, "proof-pending"),
    )
    def get(self, request: Request, period: str, currency: str) -> Response:
        """This will prove that a closed month's statement, and with `line` one royalty line of it, is under a root that
        the log has (docs/formats/royalty-statement.md). The running month has no proof.
        """
        asked = questions.query(request, {"line": line_number})
        paper = _paper(request, period, currency)
        if paper.row is None:
            raise Http404(_("The running month has no proof: it has one when it is closed."))
        line = asked.get("line")
        if line is not None and statement_with(paper.creator, line=line) != paper.row:
            raise Http404(_("This statement has no royalty line %s.") % line)
        proof = proof_of(paper.row, line=line)
        if proof is None:
            raise ProofNotPublished
        return Response(proof)
