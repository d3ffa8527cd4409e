"""What creators read of their statements: the months, one of them, and the files of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.catalog.models import Release
from marketplace.payouts import statement_queries as statements
from marketplace.payouts.models import Sale
from marketplace.payouts.statement_papers.reading import moves
from marketplace.payouts.statement_papers.table import Row, page_of, rows
from marketplace.payouts.statement_papers.words import BUCKETS, KINDS, PARTS, in_order
from marketplace.payouts.statement_proofs import entry_of, proof_of
from marketplace.payouts.statement_queries import NoStatement, Paper
from marketplace.people.models import Creator
from marketplace.portal.views.access import creators_only
from marketplace.ui.formats import say

RUNNING = "running"
"""How addresses name the month that is not closed."""

ROWS = 50
_RELEASE = "release:"
_MEDIA_TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


@never_cache
@require_safe
@creators_only
def months(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list a creator's months, the newest first, and what runs in each currency."""
    before = request.GET.get("cursor", "")[:7]
    found = statements.months_of(creator, before=before)
    told = [(first_of(period), list(group)) for period, group in groupby(found, key=lambda one: one.period)]
    is_full = len(found) == statements.MONTHS_SHOWN
    context = {
        "here": "sell",
        "creator": creator,
        "is_first": not before,
        "months": told[:-1] if is_full and len(told) > 1 else told,
        "after": told[-2][1][0].period if is_full and len(told) > 1 else "",
        "running": [] if before else statements.positions_of(creator),
        "verifier": f"{settings.SITE_URL}/verify_royalty.py",
    }
    return render(request, "portal/statements.html", context)


def first_of(period: str) -> date | None:
    """This will give the first day of a month, None for the one that is not closed."""
    return date.fromisoformat(f"{period}-01") if period else None


def _paper(creator: Creator, period: str, currency: str) -> Paper:
    """Finds a creator's own statement; whoever has none there is told so, and of others', nothing."""
    try:
        if period == RUNNING:
            return statements.running(creator, currency=currency)
        return statements.closed(creator, period=period, currency=currency)
    except NoStatement as error:
        raise Http404(str(error)) from error


@never_cache
@require_safe
@creators_only
def statement(request: HttpRequest, creator: Creator, period: str, currency: str) -> HttpResponse:
    """This will show one statement: its sums, where the money is, and each amount, a page at a time."""
    paper = _paper(creator, period, currency)
    given = request.GET.get("cursor", "")
    start = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
    with transaction.atomic():
        found, has_more = page_of(rows(paper.head, moves(paper.span, creator.pk)), start=start, length=ROWS)
    entry = entry_of(paper.row.period) if paper.row else None
    context = {
        "here": "sell",
        "creator": creator,
        "paper": paper,
        "period": period,
        "month": first_of(paper.span.period),
        "currency": currency,
        "kinds": [(say(KINDS, kind), amount) for kind, amount in in_order(paper.head.by_kind)],
        "buckets": [(say(BUCKETS, name), -paper.head.buckets[name] if name == "owed" else paper.head.buckets[name])
                    for name in BUCKETS if paper.head.buckets[name]],
        "rows": told_rows(found),
        "after": start + ROWS if has_more else 0,
        "is_first": not start,
        "entry": entry,
        "files": [("PDF", "pdf"), ("CSV", "csv"), ("JSON", "json")],
        "other_language": "en" if _language() != "en" else "zh-hans",
    }  # fmt: skip
    return render(request, "portal/statement.html", context)


def told_rows(found: Sequence[Row]) -> list[Mapping[str, object]]:
    """This will name what each row is and the work that it is about; two queries."""
    works = works_of({row.part.sale for row in found if row.part and row.part.sale})
    return [
        {
            "row": row,
            "kind": say(KINDS, row.move.kind),
            "what": say(PARTS, row.part.what) if row.part else "",
            "work": works.get(row.part.sale) if row.part else None,
        }
        for row in found
    ]


def works_of(sources: set[str]) -> dict[str, Release]:
    """This will find the release that each sale was of, by the sale's source."""
    subjects = dict(Sale.objects.filter(source__in=sources).values_list("source", "subject")) if sources else {}
    digests = {name.removeprefix(_RELEASE) for name in subjects.values() if name.startswith(_RELEASE)}
    found = Release.objects.filter(digest__in=digests).select_related("pack__creator") if digests else []
    releases = {_RELEASE + release.digest: release for release in found}
    return {source: releases[name] for source, name in subjects.items() if name in releases}


@never_cache
@require_safe
@creators_only
def statement_file(request: HttpRequest, creator: Creator, period: str, currency: str, form: str) -> HttpResponseBase:
    """This will send a statement as JSON, CSV or PDF; `?language=` chooses the language of the last two."""
    paper = _paper(creator, period, currency)
    language = request.GET.get("language", "")
    if language not in ("en", "zh-hans"):
        language = _language()
    name = f"statement-{creator.handle}-{period}-{currency}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    pieces = _pieces(paper, form, language)
    if form == "pdf":  # made whole in any case, and so it can say how long it is
        return HttpResponse(b"".join(pieces), content_type=_MEDIA_TYPES[form], headers=headers)
    return StreamingHttpResponse(pieces, content_type=_MEDIA_TYPES[form], headers=headers)


def _language() -> str:
    return "zh-hans" if (get_language() or "en").startswith("zh") else "en"


def _pieces(paper: Paper, form: str, language: str) -> Iterator[bytes]:
    with transaction.atomic():
        site = f"{settings.SITE_URL}/verify_royalty.py"
        yield from statements.written_as(paper, form, language=language, site=site)


@never_cache
@require_safe
@creators_only
def statement_proof(request: HttpRequest, creator: Creator, period: str, currency: str) -> HttpResponse:
    """This will send the proof that a closed month's statement is in the log."""
    paper = _paper(creator, period, currency)
    proof = proof_of(paper.row) if paper.row else None
    return proof_file(proof, f"proof-{creator.handle}-{period}-{currency}.json")


def proof_file(proof: Mapping[str, object] | None, name: str) -> HttpResponse:
    """This will send a proof, or say that there is none until the log that is published has the month."""
    if proof is None:
        raise Http404("The log that is published does not have this month yet.")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return JsonResponse(proof, headers=headers, json_dumps_params={"indent": 1, "ensure_ascii": False})
