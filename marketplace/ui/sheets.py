"""Tables as CSV (RFC 4180), for spreadsheets and for programs: amounts and times as programs read them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.http import StreamingHttpResponse

# What makes a spreadsheet take a cell for a formula, at its beginning (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Amount(str):
    """A cell with a plain decimal number, which may stand below zero and is no formula."""


class _Line:
    """What the csv module writes to: it gives each line back."""

    def write(self, text: str) -> str:
        return text


def lines_of(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """This will write a table a line at a time, under a line of names; cells like formulas begin with an apostrophe."""
    writer = csv.writer(_Line())
    yield writer.writerow(columns)  # type: ignore[misc]
    for row in rows:
        yield writer.writerow([cell if isinstance(cell, Amount) else safe_cell(str(cell)) for cell in row])  # type: ignore[misc]


def safe_cell(text: str) -> str:
    """This will keep a spreadsheet from reading a cell as a formula: an apostrophe stands before what could be one."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def moment_cell(when: datetime | None) -> str:
    """This will write a moment as RFC 3339 in UTC, nothing for none."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""


def sheet(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """This will send lines as a file that no cache keeps."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
