"""Each amount from its sale to its payout, on the page and as CSV."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.catalog.models import Release
from marketplace.payouts import queries as books
from marketplace.payouts.coming_queries import coming_of
from marketplace.payouts.rules import format_amount
from marketplace.people.models import Creator
from marketplace.portal import queries, words
from marketplace.portal.chain_sale_rows import chain_sales_of
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.payouts import balance_rows
from marketplace.ui import formats
from marketplace.ui.sheets import lines_of

CSV_COLUMNS = [
    *("sold_at", "pack", "version", "title", "license", "source", "currency", "gross", "fee", "net", "split"),
    *("share_ppb", "amount", "state", "allocated_at", "available_at", "paid_at", "payout", "payout_reference"),
    *("frozen", "frozen_at", "frozen_for", "disputed", "reversed", "remains"),
]
_RELEASE, _CLAIM = "release:", "claim:"
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


@never_cache
@require_safe
@creators_only
def earnings(request: HttpRequest, creator: Creator) -> HttpResponse:
    """This will list a creator's royalty lines, a page at a time, and the latest payouts."""
    cursor = request.GET.get("cursor", "")[:40]
    rows, after = queries.earnings(creator, cursor)
    frozen = books.frozen_of(creator)
    context = {
        "here": "sell",
        "creator": creator,
        "rows": [_row(row) for row in rows],
        "after": after,
        "is_first": not cursor,
        "balances": balance_rows(creator) if not cursor else [],
        "coming": coming_of(creator) if not cursor else [],
        "frozen": _frozen(creator, frozen),
        "waiting": queries.waiting_sales(creator) - sum(row.waiting_sales for row in frozen),
        "on_chain": chain_sales_of(creator) if not cursor else {},
        "payouts": [{"payout": payout, "state": words.payout_state(payout)} for payout in books.payouts_of(creator)],
    }
    return render(request, "portal/earnings.html", context)


def _frozen(creator: Creator, rows: Sequence[books.Frozen]) -> list[dict[str, object]]:
    """Says what each frozen row is: its release, and the claim where it is against the creator's own; one query."""
    digests = [row.subject.removeprefix(_RELEASE) for row in rows if row.subject.startswith(_RELEASE)]
    found = Release.objects.filter(digest__in=digests).select_related("pack__creator") if digests else []
    releases = {_RELEASE + release.digest: release for release in found}
    told = []
    for row in rows:
        release = releases.get(row.subject)
        is_own = release is not None and release.pack.creator_id == creator.pk
        told.append({"row": row, "release": release, "claim": _claim(row.reason) if is_own else None})
    return told


def _claim(reason: str) -> UUID | None:
    try:
        return UUID(reason.removeprefix(_CLAIM)) if reason.startswith(_CLAIM) else None
    except ValueError:
        return None


def _state(line: books.Line) -> str:
    if line.state != "frozen" or line.frozen_at is None:
        return words.line_state(line)
    return _("Frozen since %(day)s: a claim is open") % {"day": formats.date_text(line.frozen_at)}


def _row(row: queries.Earned) -> dict[str, object]:
    release = row.sold.offer.release if row.sold else None
    return {
        "line": row.line,
        "release": release,
        "license": words.say(words.TERMS, row.sold.offer.terms.name) if row.sold else "",
        "price_minor": row.line.net_minor + row.fee_minor,
        "fee_minor": row.fee_minor,
        "share": words.percent_text(row.line.share_ppb),
        "state": _state(row.line),
        "tone": "warn" if row.line.state == "frozen" else words.LINE_TONES.get(row.line.state, ""),
        "reference": row.payout_reference,
    }


@never_cache
@require_safe
@creators_only
def earnings_csv(request: HttpRequest, creator: Creator) -> HttpResponseBase:
    """This will send all royalty lines as CSV (RFC 4180, UTF-8 with a byte order mark), a row at a time."""
    name = f"earnings-{creator.handle}-{timezone.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(creator), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(creator: Creator) -> Iterator[str]:
    yield _BOM
    yield from lines_of(CSV_COLUMNS, map(_cells, queries.all_earnings(creator)))


def _cells(row: queries.Earned) -> list[str]:
    """Writes a line for programs: amounts with a point and all their decimals, times as RFC 3339 in UTC.

    `amount` less `disputed` (held while disputes are open) and `reversed` (taken back for good) is what `remains`.
    """
    line, release = row.line, row.sold.offer.release if row.sold else None
    times = [line.allocated_at, line.available_at, line.paid_at]
    return [
        f"{line.sold_at:%Y-%m-%dT%H:%M:%SZ}",
        str(release.pack) if release else "",
        release.version if release else "",
        formats.choose_title(release.title)[0] if release else "",
        row.sold.offer.terms.name if row.sold else "",
        line.source,
        line.currency,
        *(format_amount(amount, line.currency) for amount in (line.gross_minor, row.fee_minor, line.net_minor)),
        line.split,
        str(line.share_ppb),
        format_amount(line.amount_minor, line.currency),
        line.state,
        *(f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else "" for moment in times),
        str(line.payout_id or ""),
        row.payout_reference,
        format_amount(line.held_minor, line.currency) if line.held_minor else "",
        f"{line.frozen_at:%Y-%m-%dT%H:%M:%SZ}" if line.frozen_at else "",
        line.frozen_for,
        *(
            format_amount(amount, line.currency)
            for amount in (line.disputed_minor, line.reversed_minor, line.remaining_minor)
        ),
    ]
