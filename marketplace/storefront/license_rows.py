"""The licenses of a studio as CSV (RFC 4180), for spreadsheets and for programs."""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.payouts.rules import format_amount

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
# What a spreadsheet takes for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Line:
    """What the csv module writes to: it gives each line back."""

    def write(self, text: str) -> str:
        return text


def license_rows(narrowed: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """This will write a line for each license that `grants_of` finds so, the newest first, under a line of names.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. `seats` 0 is without limit.
    """
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)  # type: ignore[misc]
    after: str | None = ""
    while after is not None:
        grants, after = licensing.grants_of(**narrowed, after=after, now=now)
        for grant in grants:
            yield writer.writerow([_safe(cell) for cell in _cells(grant)])  # type: ignore[misc]


def _cells(grant: Grant) -> Iterator[str]:
    release = grant.release
    yield from (str(grant.pk), str(release.pack), release.version)
    yield from (release.title.get("en", ""), release.title.get("zh-Hans", ""))
    yield from (grant.terms.name, grant.terms_id, grant.licensee_name)
    yield from (grant.licensee_country, grant.licensee_registration)
    yield grant.project.name if grant.project else ""
    yield from (grant.state, grant.kind, str(grant.replaces_id or ""))  # type: ignore[attr-defined]
    yield from (str(grant.seats), str(grant.seats_used))  # type: ignore[attr-defined]
    yield from (_moment(grant.starts_at), _moment(grant.ends_at), _moment(grant.granted_at))
    yield from (format_amount(grant.price_minor, grant.currency), grant.currency)
    yield str(grant.download_count)  # type: ignore[attr-defined]


def _moment(when: datetime | None) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
