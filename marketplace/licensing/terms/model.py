"""Terms: what a licensee may do, a value a dimension. Nothing is allowed by default."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from marketplace.licensing.terms import vocabulary
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _

UNLIMITED_SEATS = 0
UNLIMITED_DEPTH = 255
"""A sublicense may be sublicensed again and again."""
UNLIMITED_DAYS = 0
WHOLE_PPB = 1_000_000_000
# RFC 8785 writes integers as IEEE 754 doubles can hold them.
CAP_LIMIT_USD = 2**53 - 1
SEATS_LIMIT = 1_000_000
DAYS_LIMIT = 366 * 200
NAME_LENGTH, LINE_LENGTH = 40, 200


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of codes: exactly those named, or all but those named, also codes that nobody has thought of yet."""

    codes: frozenset[str] = frozenset()
    all_but: bool = False

    def __and__(self, other: "Scope") -> "Scope":
        """Return what is in both."""
        if self.all_but and other.all_but:
            return Scope(self.codes | other.codes, True)
        if self.all_but:
            return Scope(other.codes - self.codes)
        return Scope(self.codes - other.codes if other.all_but else self.codes & other.codes)

    def __le__(self, other: "Scope") -> bool:
        """Return whether everything in this one is in the other."""
        if self.all_but:
            return other.all_but and other.codes <= self.codes
        return not self.codes & other.codes if other.all_but else self.codes <= other.codes

    def __sub__(self, other: "Scope") -> "Scope":
        """Return what of this one is not in the other."""
        return self & Scope(other.codes, not other.all_but)

    def within(self, known: frozenset[str]) -> frozenset[str]:
        """Return the known codes that are in it."""
        return known - self.codes if self.all_but else self.codes & known


NOTHING = Scope()
EVERYTHING = Scope(all_but=True)


def only(*codes: str) -> Scope:
    """Return the scope of exactly these codes."""
    return Scope(frozenset(codes))


def all_but(*codes: str) -> Scope:
    """Return the scope of everything but these codes."""
    return Scope(frozenset(codes), True)


class ContradictoryTerms(ValueError):
    """Terms that say what cannot be, or cannot be together: in which dimension, and why."""

    code = "terms-refused"

    def __init__(self, dimension: str, template: str, values: Values | None = None) -> None:
        self.dimension, self.template, self.values = dimension, template, values or {}
        super().__init__(str(Words(template, self.values)))

    @property
    def where(self) -> str:
        """The dimension, as findings name their place."""
        return self.dimension


@dataclass(frozen=True)
class Terms:
    """What a licensee may do; docs/formats/terms.md says what each dimension means.

    `revenue_cap_usd` is in whole US dollars a year and goes with `commercial` = `limited`; `seats` counts people, 0 is
    without limit; `sublicense_depth` counts how often it may be passed on, 255 is without limit; `starts` and `ends`
    are the first and the last day (`2026-11-28`, UTC), empty for open; `duration_days` counts from the grant, 0 is
    without limit; `royalty_ppb` is the share in parts per billion of what works derived from it earn.
    """

    name: str
    commercial: str = "none"
    revenue_cap_usd: int = 0
    derivatives: str = "none"
    ai_training: str = "none"
    redistribution: str = "none"
    seats: int = 1
    sublicense_depth: int = 0
    transferable: bool = False
    exclusive: bool = False
    territory: Scope = NOTHING
    fields: Scope = NOTHING
    media: Scope = NOTHING
    starts: str = ""
    ends: str = ""
    duration_days: int = 0
    banned: frozenset[str] = frozenset()
    approval_required: bool = False
    credit_required: bool = True
    credit_line: str = ""
    output_owner: str = "provider"
    share_alike: str = ""
    royalty_ppb: int = 0
    royalty_basis: str = "revenue"

    def __post_init__(self) -> None:
        check(self)

    @property
    def allows_nothing(self) -> bool:
        """Whether there is nowhere to use it, nothing to use it for, or no form to use it in."""
        return any(not getattr(self, dimension).within(known) for dimension, known in vocabulary.SCOPES.items())


DIMENSIONS = tuple(field.name for field in fields(Terms) if field.name != "name")
"""What terms speak of, in the order of their document."""

FLAGS = ("transferable", "exclusive", "approval_required", "credit_required")
NUMBERS: Mapping[str, int] = {
    "revenue_cap_usd": CAP_LIMIT_USD,
    "seats": SEATS_LIMIT,
    "sublicense_depth": UNLIMITED_DEPTH,
    "duration_days": DAYS_LIMIT,
    "royalty_ppb": WHOLE_PPB,
}
"""Whole numbers, and the most that each may be."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    **vocabulary.SCALES,
    "output_owner": vocabulary.OUTPUT_OWNERS,
    "royalty_basis": vocabulary.ROYALTY_BASES,
}


def check(terms: Terms) -> None:
    """Raise ContradictoryTerms for the first thing that is wrong."""
    for mistake in mistakes(terms):
        raise mistake


def mistakes(values: object) -> Iterator[ContradictoryTerms]:
    """Give everything that is wrong with terms, or with an object that has their attributes in their types.

    Whether values can stand together is looked at once each of them can stand alone.
    """
    yield from lone_mistakes(values) or _wrong_together(values)


def lone_mistakes(values: object) -> list[ContradictoryTerms]:
    """Return what is wrong with each value whatever the others are."""
    return [*_wrong_words(values), *_wrong_numbers(values), *_wrong_lines(values), *_wrong_days(values)]


def _wrong_words(terms: Any) -> Iterator[ContradictoryTerms]:
    for dimension, words in _WORDS.items():
        value = getattr(terms, dimension)
        if value not in words:
            template = _("It must be one of %(words)s, not “%(value)s”.")
            yield ContradictoryTerms(dimension, template, {"words": ", ".join(words), "value": shown(value)})
    for dimension in FLAGS:
        if type(getattr(terms, dimension)) is not bool:
            yield ContradictoryTerms(dimension, _("It must be true or false."))
    sets = {dimension: (getattr(terms, dimension).codes, known) for dimension, known in vocabulary.SCOPES.items()}
    for dimension, (codes, known) in (sets | {"banned": (terms.banned, vocabulary.BANNED)}).items():
        if unknown := sorted(str(code) for code in codes - known):
            word = shown(unknown[0])
            yield ContradictoryTerms(dimension, _("“%(word)s” is no word that it knows."), {"word": word})


def _wrong_numbers(terms: Any) -> Iterator[ContradictoryTerms]:
    for dimension, most in NUMBERS.items():
        value = getattr(terms, dimension)
        if type(value) is not int or not 0 <= value <= most:
            yield ContradictoryTerms(dimension, _("It must be a whole number from 0 to %(most)d."), {"most": most})


def _wrong_lines(terms: Any) -> Iterator[ContradictoryTerms]:
    if not isinstance(terms.name, str) or not 0 < len(terms.name) <= NAME_LENGTH or not terms.name.isprintable():
        yield ContradictoryTerms("name", _("Terms need a name of at most %(most)d characters."), {"most": NAME_LENGTH})
    for dimension in ("credit_line", "share_alike"):
        value = getattr(terms, dimension)
        if not isinstance(value, str) or len(value) > LINE_LENGTH or (value and not value.isprintable()):
            template = _("It must be one line of at most %(most)d characters.")
            yield ContradictoryTerms(dimension, template, {"most": LINE_LENGTH})


def _wrong_days(terms: Any) -> Iterator[ContradictoryTerms]:
    for dimension in ("starts", "ends"):
        value = getattr(terms, dimension)
        try:
            wrong = bool(value) and date.fromisoformat(value).isoformat() != value
        except (TypeError, ValueError):
            wrong = True
        if wrong:
            yield ContradictoryTerms(dimension, _("It must be a day such as 2026-11-28, or empty."))


def shown(value: object) -> str:
    """Return what somebody wrote, short and on one line, for a sentence that quotes it."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(value)[:40])


def _wrong_together(terms: Any) -> Iterator[ContradictoryTerms]:
    """Give what cannot stand together; each would make the words of the license untrue."""
    for wrong, dimension, template in (*_about_time_and_money(terms), *_about_passing_on(terms)):
        if wrong:
            yield ContradictoryTerms(dimension, template)


_Rule = tuple[bool, str, str]


def _about_time_and_money(terms: Any) -> tuple[_Rule, ...]:
    return (
        (
            bool(terms.starts and terms.ends and terms.starts > terms.ends),
            "ends",
            _("The last day is before the first one."),
        ),
        (
            (terms.commercial == "limited") != (terms.revenue_cap_usd > 0),
            "revenue_cap_usd",
            _("A revenue cap goes with limited commercial use, and only with it."),
        ),
        (
            bool(terms.credit_line) and not terms.credit_required,
            "credit_line",
            _("A credit line goes with required credit."),
        ),
        (
            terms.royalty_ppb > 0 and terms.derivatives == "none",
            "royalty_ppb",
            _("A royalty is about works made from it, which these terms do not allow."),
        ),
        (
            terms.royalty_ppb > 0 and terms.commercial == "none",
            "royalty_ppb",
            _("A royalty is about earnings, which these terms do not allow."),
        ),
        (
            terms.royalty_basis != "revenue" and terms.royalty_ppb == 0,
            "royalty_basis",
            _("What a royalty is counted of goes with a royalty."),
        ),
    )


def _about_passing_on(terms: Any) -> tuple[_Rule, ...]:
    return (
        (
            bool(terms.share_alike) and terms.derivatives != "share",
            "share_alike",
            _("Share-alike is about changed works that are shared, which these terms do not allow."),
        ),
        (
            terms.exclusive and bool(terms.share_alike),
            "exclusive",
            _("What is shared alike with everybody cannot be exclusive."),
        ),
        (
            terms.exclusive and terms.redistribution == "raw",
            "exclusive",
            _("What may be passed on to anybody cannot be exclusive."),
        ),
        (
            terms.ai_training == "share" and terms.derivatives == "none",
            "ai_training",
            _("A model that is shared is a changed work, which these terms do not allow."),
        ),
        (
            terms.sublicense_depth > 0 and terms.redistribution == "none",
            "sublicense_depth",
            _("A sublicense passes the work on, which these terms do not allow."),
        ),
    )


def within_consent(terms: Terms, ai_training: str) -> Terms:
    """Return terms without AI training where the creator's release does not consent to it."""
    return terms if ai_training == "with-license" else replace(terms, ai_training="none")


@dataclass(frozen=True)
class Use:
    """What somebody wants to do; every value is what they need, so the least is asked for by default.

    `commercial`: for no profit, as one person who earns, as a company of `revenue_usd` a year (`limited`), or of any
    size (`full`). `starts` and `ends` are the first and the last day; empty `ends` is for ever. `content` says which
    of the words that terms may ban it is or does. `approved` and `credited` are promises.
    """

    commercial: str = "none"
    revenue_usd: int = 0
    derivatives: str = "none"
    ai_training: str = "none"
    redistribution: str = "none"
    seats: int = 1
    sublicense_depth: int = 0
    transferable: bool = False
    exclusive: bool = False
    territory: Scope = NOTHING
    fields: Scope = NOTHING
    media: Scope = NOTHING
    starts: str = ""
    ends: str = ""
    content: frozenset[str] = frozenset()
    approved: bool = False
    credited: bool = True
    output_owner: str = "provider"
    share_alike: str = ""
