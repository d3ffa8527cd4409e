"""What a paper says: docs/formats/invoice.md. Written as RFC 8785 JSON with whole numbers only, and read strictly."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from marketplace.checkout.taxes.base import REASONS, TaxPart
from marketplace.checkout.taxes.rules import TaxSum, summed

FORMAT = "worldloom/invoice/1"
FORMAT_REPLACING = "worldloom/invoice/2"
"""Of an invoice that takes the place of a receipt: it names that one, and says when what it is about was supplied."""
KINDS = ("invoice", "receipt", "credit-note", "debit-note")
STATES = ("paid", "free", "given-back", "taken-back", "returned")
MOST_MINOR = 2**53 - 1
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_CURRENCY = re.compile(r"[A-Z]{3}")


class UnreadablePaper(Exception):
    """The bytes are no paper of this format, or its sums do not add up."""

    code = "paper-unreadable"


@dataclass(frozen=True, slots=True)
class SoldBy:
    """Who sells at law."""

    name: str
    address: tuple[str, ...]
    country: str
    tax_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SoldTo:
    """Who the paper is made out to; `reference` is their own. Texts that are not known are empty."""

    studio: str
    name: str
    address: tuple[str, ...]
    country: str
    vat_id: str
    email: str
    reference: str


@dataclass(frozen=True, slots=True)
class PaperLine:
    """A line: what it is in the languages of its title, whose work it is, and what of it is price and tax.

    `net_minor` and the taxes add up to `gross_minor`. `certificate` is the license's id, `details` says by language
    what reported use came to. Days are ISO 8601, or empty.
    """

    line: str
    kind: str
    title: Mapping[str, str]
    pack: str
    version: str
    terms: str
    sold_for: str
    seats: int
    starts_at: str
    ends_at: str
    certificate: str
    details: Mapping[str, tuple[str, ...]]
    net_minor: int
    gross_minor: int
    taxes: tuple[TaxPart, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """Which paper is corrected, by its number and the SHA-256 of its document, and why."""

    number: str
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Which receipt an invoice takes the place of, by its number and the SHA-256 of its document."""

    number: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PaperDocument:
    """All that a paper says. `state` is what became of the money, `paid_at` when, `reference` the gateway's name.

    `replaces` and `supplied_at` go together: they are of an invoice that was asked for after the purchase.
    """

    kind: str
    number: str
    issued_at: datetime
    seller: SoldBy
    buyer: SoldTo
    order: str
    currency: str
    prices_include_tax: bool
    lines: tuple[PaperLine, ...]
    state: str
    paid_at: datetime
    reference: str
    corrects: Corrected | None = None
    replaces: Replaced | None = None
    supplied_at: datetime | None = None

    @property
    def net_minor(self) -> int:
        """The lines without taxes."""
        return sum(line.net_minor for line in self.lines)

    @property
    def gross_minor(self) -> int:
        """The lines with taxes: what was paid, or goes back."""
        return sum(line.gross_minor for line in self.lines)

    @property
    def taxes(self) -> list[TaxSum]:
        """Each tax once."""
        return summed([line.taxes for line in self.lines])

    @property
    def totals(self) -> dict[str, int]:
        """The three sums."""
        net, gross = self.net_minor, self.gross_minor
        return {"net_minor": net, "tax_minor": gross - net, "gross_minor": gross}

    def to_bytes(self) -> bytes:
        """This will write the document."""
        shape = asdict(self) | {
            "format": FORMAT,
            "issued_at": _written(self.issued_at),
            "paid_at": _written(self.paid_at),
            "taxes": [asdict(one) for one in self.taxes],
            "totals": self.totals,
        }
        if self.replaces is None or self.supplied_at is None:
            del shape["replaces"], shape["supplied_at"]
        else:
            shape |= {"format": FORMAT_REPLACING, "supplied_at": _written(self.supplied_at)}
        return rfc8785.dumps(_plain(shape))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


def digest_of(document: bytes) -> str:
    """This will give the SHA-256 of a document in hex."""
    return hashlib.sha256(document).hexdigest()


def read_paper(content: bytes) -> PaperDocument:
    """This will read what `to_bytes` wrote; raises UnreadablePaper for anything else, and where sums do not add up."""
    try:
        shape = json.loads(content)
        form = shape.pop("format", None) if isinstance(shape, dict) else None
        if form not in (FORMAT, FORMAT_REPLACING):
            raise UnreadablePaper(f"This is not of the format {FORMAT}.")
        if (form == FORMAT_REPLACING) != ("replaces" in shape and "supplied_at" in shape):
            raise ValueError("only what takes the place of a receipt names it, and when it was supplied")
        taxes, totals = shape.pop("taxes"), shape.pop("totals")
        paper = _paper(shape)
        written = paper.to_bytes()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadablePaper(f"The paper cannot be read: {str(error) or type(error).__name__}.") from None
    if [asdict(one) for one in paper.taxes] != taxes or paper.totals != totals:
        raise UnreadablePaper("The sums of the paper are not those of its lines.")
    if written != content:
        raise UnreadablePaper("The paper is not written as RFC 8785 says.")
    return paper


def _paper(shape: dict[str, Any]) -> PaperDocument:
    seller, buyer, corrects = shape.pop("seller"), shape.pop("buyer"), shape.pop("corrects")
    lines = tuple(_line(line) for line in shape.pop("lines"))
    names = [name for name in ("issued_at", "paid_at", "supplied_at") if name in shape]
    moments = {name: datetime.strptime(shape.pop(name), _MOMENT).replace(tzinfo=UTC) for name in names}
    replaces = Replaced(**shape.pop("replaces")) if "replaces" in shape else None
    paper = PaperDocument(
        seller=SoldBy(**seller | {"address": tuple(seller["address"]), "tax_ids": tuple(seller["tax_ids"])}),
        buyer=SoldTo(**buyer | {"address": tuple(buyer["address"])}),
        corrects=Corrected(**corrects) if corrects is not None else None,
        replaces=replaces,
        lines=lines,
        **moments,
        **shape,
    )
    if paper.kind not in KINDS or paper.state not in STATES or not _CURRENCY.fullmatch(paper.currency):
        raise ValueError("it is of no kind, state or currency that there is")
    if (paper.corrects is not None) != (paper.kind in ("credit-note", "debit-note")):
        raise ValueError("what corrects a paper names it")
    if paper.replaces is not None and paper.kind != "invoice":
        raise ValueError("only an invoice takes the place of a receipt")
    replaced = (paper.replaces.number, paper.replaces.sha256) if paper.replaces else ()
    corrected = (paper.corrects.number, paper.corrects.sha256, paper.corrects.reason) if paper.corrects else ()
    _check_texts(
        (paper.number, paper.order, paper.reference, *corrected, *replaced),
        (paper.seller.name, *paper.seller.address, *paper.seller.tax_ids, paper.seller.country),
        (paper.buyer.studio, paper.buyer.name, *paper.buyer.address, paper.buyer.country),
        (paper.buyer.vat_id, paper.buyer.email, paper.buyer.reference),
    )
    if type(paper.prices_include_tax) is not bool:
        raise ValueError("prices_include_tax is neither true nor false")
    return paper


def _line(shape: dict[str, Any]) -> PaperLine:
    taxes = tuple(TaxPart(**part) for part in shape.pop("taxes"))
    details = {language: tuple(said) for language, said in shape.pop("details").items()}
    line = PaperLine(taxes=taxes, details=details, **shape)
    numbers = [line.seats, line.net_minor, line.gross_minor]
    numbers += [number for part in taxes for number in (part.rate_ppb, part.base_minor, part.tax_minor)]
    if any(type(number) is not int or not 0 <= number <= MOST_MINOR for number in numbers):
        raise ValueError("a number is no whole one, or below zero")
    if line.net_minor + sum(part.tax_minor for part in taxes) != line.gross_minor:
        raise ValueError("net and taxes of a line are not its gross")
    if any(part.reason not in REASONS for part in taxes):
        raise ValueError("a tax has a reason that nobody knows")
    _check_texts(
        (line.line, line.kind, line.pack, line.version, line.terms, line.sold_for, line.certificate),
        (line.starts_at, line.ends_at, *line.title.values()),
        [text for said in details.values() for text in said],
        [text for part in taxes for text in (part.jurisdiction, part.name)],
    )
    return line


def _check_texts(*groups: Sequence[Any]) -> None:
    if any(not isinstance(text, str) for texts in groups for text in texts):
        raise ValueError("a text is none")
