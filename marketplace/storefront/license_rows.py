"""The licenses of a studio as CSV (RFC 4180), for spreadsheets and for programs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.payouts.rules import format_amount
from marketplace.ui.sheets import lines_of, moment_cell

COLUMNS = (
    "license",
    "pack",
    "version",
    "title_en",
    "title_zh_hans",
    "terms",
    "terms_sha256",
    "licensee",
    "licensee_country",
    "licensee_registration",
    "project",
    "state",
    "kind",
    "replaces",
    "seats",
    "seats_used",
    "starts_at",
    "ends_at",
    "granted_at",
    "price",
    "currency",
    "downloads",
)


def license_rows(narrowed: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """This will write a line for each license that `grants_of` finds so, the newest first, under a line of names.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. `seats` 0 is without limit.
    """
    yield from lines_of(COLUMNS, map(_cells, _all(narrowed, now)))


def _all(narrowed: Mapping[str, Any], now: datetime) -> Iterator[Grant]:
    after: str | None = ""
    while after is not None:
        grants, after = licensing.grants_of(**narrowed, after=after, now=now)
        yield from grants


def _cells(grant: Grant) -> Iterator[str]:
    release = grant.release
    yield from (str(grant.pk), str(release.pack), release.version)
    yield from (release.title.get("en", ""), release.title.get("zh-Hans", ""))
    yield from (grant.terms.name, grant.terms_id, grant.licensee_name)
    yield from (grant.licensee_country, grant.licensee_registration)
    yield grant.project.name if grant.project else ""
    yield from (grant.state, grant.kind, str(grant.replaces_id or ""))  # type: ignore[attr-defined]
    yield from (str(grant.seats), str(grant.seats_used))  # type: ignore[attr-defined]
    yield from (moment_cell(grant.starts_at), moment_cell(grant.ends_at), moment_cell(grant.granted_at))
    yield from (format_amount(grant.price_minor, grant.currency), grant.currency)
    yield str(grant.download_count)  # type: ignore[attr-defined]
