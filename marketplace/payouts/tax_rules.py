"""What creators say for the tax office, and whether it can be: names, addresses, numbers with their check digits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from stdnum import get_cc_module, iban
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

EU = frozenset(
    (
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
"""Member states of the European Union, ISO 3166-1 alpha-2."""

LIMITS = {
    "legal_name": 200,
    "street": 200,
    "city": 100,
    "postal_code": 20,
    "region": 100,
    "registration": 80,
    "birth_place": 100,
    "account_holder": 200,
    "account": 64,
    "vat_id": 20,
}
"""The most characters of each text."""

MAX_NUMBERS = 5
_COUNTRY = re.compile(r"[A-Z]{2}")
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z ./-]{2,39}")
_OLDEST = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class TaxNumber:
    """A tax identification number and the country that gave it."""

    country: str
    number: str


@dataclass(frozen=True, slots=True)
class TaxPerson:
    """Who is paid, for the tax office. Texts that are not known are empty; `birth_date` is an ISO 8601 day."""

    kind: str
    country: str
    legal_name: str
    street: str
    city: str
    postal_code: str
    region: str = ""
    numbers: tuple[TaxNumber, ...] = ()
    vat_id: str = ""
    registration: str = ""
    birth_date: str = ""
    birth_place: str = ""
    account: str = ""
    account_holder: str = ""

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON; `read_person` reads it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TaxFinding:
    """What is wrong with one field, in words."""

    where: str
    template: str
    values: Values = field(default_factory=dict)

    def __str__(self) -> str:
        return str(Words(self.template, self.values))


def read_person(document: dict[str, Any]) -> TaxPerson:
    """Return what `TaxPerson.document` wrote."""
    numbers = tuple(TaxNumber(**number) for number in document["numbers"])
    return TaxPerson(**{**document, "numbers": numbers})


def findings_in(person: TaxPerson, *, today: date) -> list[TaxFinding]:
    """Return everything that keeps this from being said; nothing is looked up anywhere."""
    return [
        *_texts(person),
        *_who(person, today),
        *_numbers(person.numbers, person.kind),
        *_vat(person),
        *_account(person),
    ]


def _texts(person: TaxPerson) -> Iterator[TaxFinding]:
    for where, limit in LIMITS.items():
        text = getattr(person, where)
        if len(text) > limit:
            yield TaxFinding(where, _("This is longer than %(limit)s characters: shorten it."), {"limit": limit})
        if not text.isprintable():
            yield TaxFinding(where, _("This has signs that cannot be printed: write it again."))
    for where in ("legal_name", "street", "city"):
        if not getattr(person, where).strip():
            yield TaxFinding(where, _("This is needed for the tax office: write it as it stands in official papers."))
    if not _COUNTRY.fullmatch(person.country):
        yield TaxFinding("country", _("Name the country by its two letters, such as DE."))


def _who(person: TaxPerson, today: date) -> Iterator[TaxFinding]:
    if person.kind not in ("individual", "entity"):
        yield TaxFinding("kind", _("Say whether you sell as a person or as a company."))
    if person.kind == "individual" and not person.birth_date:
        yield TaxFinding("birth_date", _("A person’s date of birth is needed."))
    if person.kind == "entity" and not person.registration.strip():
        yield TaxFinding("registration", _("A company’s number in its public register is needed."))
    if person.birth_date:
        try:
            born = date.fromisoformat(person.birth_date)
        except ValueError:
            yield TaxFinding("birth_date", _("This is not a day: write it as 1990-12-31."))
        else:
            if not _OLDEST <= born < today:
                yield TaxFinding("birth_date", _("This day cannot be a date of birth: check the year."))


def _numbers(numbers: Sequence[TaxNumber], kind: str) -> Iterator[TaxFinding]:
    if not numbers:
        yield TaxFinding("numbers", _("One tax identification number at least is needed, with its country."))
    if len(numbers) > MAX_NUMBERS:
        yield TaxFinding(
            "numbers", _("At most %(limit)s tax identification numbers can be told."), {"limit": MAX_NUMBERS}
        )
    for number in numbers:
        values: Values = {"number": number.number, "country": number.country}
        if not _COUNTRY.fullmatch(number.country):
            yield TaxFinding("numbers", _("Name the country of %(number)s by its two letters, such as DE."), values)
        elif not _NUMBER.fullmatch(number.number) or not _is_tin(number, kind):
            text = _("“%(number)s” is no tax identification number of %(country)s: check its digits.")
            yield TaxFinding("numbers", text, values)


# Where a country has several kinds of numbers, one that is right is enough.
_KINDS = {
    "AT": ("tin",),
    "CA": ("sin", "bn"),
    "CN": ("ric", "uscc"),
    "DE": ("idnr",),
    "ES": ("nif",),
    "FR": ("nif", "siren", "tva"),
    "IT": ("codicefiscale", "iva"),
    "PL": ("pesel", "nip"),
    "SE": ("personnummer", "orgnr"),
    "US": ("ssn", "itin", "ein"),
}
_ENTITY_KINDS = {"DE": ("stnr", "vat")}


def _is_tin(number: TaxNumber, kind: str) -> bool:
    """Whether a number may be one: by its check digits where the country's are known, else by its signs alone."""
    names = (kind == "entity" and _ENTITY_KINDS.get(number.country)) or _KINDS.get(number.country, ())
    return not names or any(get_cc_module(number.country.lower(), name).is_valid(number.number) for name in names)


def _vat(person: TaxPerson) -> Iterator[TaxFinding]:
    if person.vat_id and not vat.is_valid(person.vat_id):
        text = _("“%(number)s” is no VAT id of the European Union: it begins with the country’s letters.")
        yield TaxFinding("vat_id", text, {"number": person.vat_id})


def _account(person: TaxPerson) -> Iterator[TaxFinding]:
    account = person.account.replace(" ", "")
    if not account:
        return
    if _COUNTRY.match(account) and account[2:4].isdigit():
        try:
            iban.validate(account)
        except ValidationError:
            yield TaxFinding("account", _("This IBAN does not add up: check its digits."))
    elif not re.fullmatch(r"[0-9A-Za-z-]{4,64}", account):
        yield TaxFinding("account", _("Write an IBAN, or the account’s number in letters and digits."))


def masked(text: str) -> str:
    """Return the last four signs of a number, for its owner to recognize it by."""
    return f"•••• {text[-4:]}" if len(text) > 4 else "••••" if text else ""
