"""Terms in words: a line a dimension, made from the data alone, as templates that can be translated."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from marketplace.licensing.terms.model import (
    UNLIMITED_DAYS,
    UNLIMITED_DEPTH,
    UNLIMITED_SEATS,
    Scope,
    Terms,
)
from marketplace.ui.words import Listed, Values, Words, Written
from marketplace.ui.words import gettext_noop as _

ALLOWS, FORBIDS, REQUIRES = "allows", "forbids", "requires"

HEADINGS: Mapping[str, str] = {
    "commercial": _("Commercial use"),
    "revenue_cap_usd": _("Revenue cap"),
    "derivatives": _("Changes"),
    "ai_training": _("AI training"),
    "redistribution": _("Passing on"),
    "sublicense_depth": _("Sublicenses"),
    "transferable": _("Transfer"),
    "seats": _("People"),
    "fields": _("Fields of use"),
    "media": _("Media"),
    "territory": _("Territory"),
    "duration_days": _("Time"),
    "starts": _("First day"),
    "ends": _("Last day"),
    "exclusive": _("Exclusivity"),
    "banned": _("Banned uses"),
    "output_owner": _("Ownership of results"),
    "credit_required": _("Credit"),
    "credit_line": _("Credit line"),
    "approval_required": _("Approval"),
    "share_alike": _("Share-alike"),
    "royalty_ppb": _("Royalty"),
    "royalty_basis": _("Basis of royalties"),
}
"""What dimensions are called."""

FIELDS: Mapping[str, str] = {
    "advertising": _("advertising"),
    "animation": _("animation"),
    "architecture": _("architecture"),
    "comics": _("comics"),
    "education": _("education"),
    "film": _("films"),
    "game": _("games"),
    "live-events": _("live events"),
    "merchandise": _("merchandise"),
    "music": _("music"),
    "news": _("news"),
    "personal": _("personal purposes"),
    "publishing": _("publishing"),
    "research": _("research"),
    "social-media": _("social media"),
    "software": _("software"),
    "television": _("television"),
}
MEDIA: Mapping[str, str] = {
    "audio": _("audio"),
    "interactive": _("interactive works"),
    "print": _("print"),
    "still-image": _("still images"),
    "text": _("text"),
    "three-d": _("three-dimensional objects"),
    "video": _("video"),
    "weights": _("weights of models"),
}
BANNED: Mapping[str, str] = {
    "adult-services": _("adult services"),
    "animal-cruelty": _("cruelty to animals"),
    "antisocial-hate": _("antisocial or hateful content"),
    "automated-decisions": _("automated decisions about the rights of people"),
    "crime": _("breaking the law"),
    "deception": _("deception and false information"),
    "defamation": _("defamation"),
    "discrimination": _("discrimination"),
    "gambling": _("gambling"),
    "generation-services": _("services that generate works for others"),
    "harassment": _("harassment"),
    "harm-to-minors": _("harm to minors"),
    "impersonation": _("posing as real people"),
    "law-enforcement": _("law enforcement or control of migration"),
    "medical-advice": _("medical advice"),
    "military": _("military purposes"),
    "nft": _("NFTs"),
    "political-religious": _("political or religious content"),
    "privacy-violation": _("violation of privacy"),
    "sexual": _("sexual content"),
    "spam": _("spam"),
    "surveillance": _("surveillance"),
    "unlabeled-ai": _("works of AI that do not say that they are"),
    "violent": _("excessively violent content"),
    "weapons": _("weapons"),
}


@dataclass(frozen=True)
class Right:
    """One line of a license: what it `allows`, `forbids` or `requires` in a dimension, as a sentence without its stop.

    Whoever shows it says it by `marketplace.ui.formats.sentence`.
    """

    dimension: str
    kind: str
    template: str
    values: Values = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """Whether it takes nothing away."""
        return self.kind != FORBIDS


def rights_in(terms: Terms) -> list[Right]:
    """Return what terms allow, forbid and require: as many lines for all terms, in the same order, of every dimension.

    What terms do not mention is said as not allowed. No two terms that differ in more than their names have the
    same lines.
    """
    return [
        _commercial(terms),
        _derivatives(terms),
        _training(terms),
        _redistribution(terms),
        _sublicenses(terms),
        _transfer(terms),
        _seats(terms),
        _fields(terms.fields),
        _media(terms.media),
        _territory(terms.territory),
        _time(terms),
        _exclusivity(terms),
        _bans(terms),
        _output(terms),
        _credit(terms),
        _approval(terms),
        _share_alike(terms),
        _royalty(terms),
    ]


def words_for(dimension: str, codes: frozenset[str]) -> Listed:
    """Return what codes of `fields`, `media`, `banned` or `territory` are called, in the order of the codes."""
    if dimension == "territory":
        return Listed(tuple(Written("country", code) for code in sorted(codes)))
    names = {"fields": FIELDS, "media": MEDIA, "banned": BANNED}[dimension]
    return Listed(tuple(Words(names[code]) for code in sorted(codes)))


def summary_of(terms: Terms) -> list[Words]:
    """Return terms in a few words: for how many, for what, and whether they are exclusive, for a time or for places."""
    seats, commercial = _seats(terms), _commercial(terms)
    parts = [Words(seats.template, seats.values), Words(commercial.template, commercial.values)]
    if terms.exclusive:
        parts.append(Words(_("Exclusive")))
    if terms.starts or terms.ends or terms.duration_days:
        parts.append(_words(_time(terms)))
    if not terms.territory.all_but or terms.territory.codes:
        parts.append(_words(_territory(terms.territory)))
    return parts


def _words(right: Right) -> Words:
    return Words(right.template, right.values)


def _number(value: int) -> Written:
    return Written("number", value)


def _commercial(terms: Terms) -> Right:
    match terms.commercial:
        case "personal":
            template = _("Commercial use by persons who work for themselves, not by companies")
            return Right("commercial", ALLOWS, template)
        case "limited":
            template = _(
                "Commercial use by persons who work for themselves, and by licensees with a revenue of up to US$%(cap)s"
                " a year"
            )
            return Right("commercial", ALLOWS, template, {"cap": _number(terms.revenue_cap_usd)})
        case "full":
            return Right("commercial", ALLOWS, _("Commercial use, whatever the revenue"))
    return Right("commercial", FORBIDS, _("No commercial use"))


def _derivatives(terms: Terms) -> Right:
    match terms.derivatives:
        case "private":
            return Right("derivatives", ALLOWS, _("Change it for your own projects"))
        case "share":
            return Right("derivatives", ALLOWS, _("Change it, and share what you made from it"))
    return Right("derivatives", FORBIDS, _("No changes to the work"))


def _training(terms: Terms) -> Right:
    match terms.ai_training:
        case "own":
            return Right("ai_training", ALLOWS, _("Train and fine-tune models with it that stay with you"))
        case "share":
            return Right("ai_training", ALLOWS, _("Train models with it and share them"))
    return Right("ai_training", FORBIDS, _("No AI training with it"))


def _redistribution(terms: Terms) -> Right:
    match terms.redistribution:
        case "in-product":
            template = _("Ship it inside a finished product, never as files of its own")
            return Right("redistribution", ALLOWS, template)
        case "raw":
            return Right("redistribution", ALLOWS, _("Pass the files on as they are"))
    return Right("redistribution", FORBIDS, _("No passing on of the files"))


def _sublicenses(terms: Terms) -> Right:
    if terms.sublicense_depth == 0:
        return Right("sublicense_depth", FORBIDS, _("No sublicenses"))
    if terms.sublicense_depth == 1:
        return Right("sublicense_depth", ALLOWS, _("Sublicense it to others, who may not sublicense it again"))
    if terms.sublicense_depth == UNLIMITED_DEPTH:
        return Right("sublicense_depth", ALLOWS, _("Sublicense it to others, who may do so again without limit"))
    template = _("Sublicense it to others, who may do so again, down to %(depth)s levels below you")
    return Right("sublicense_depth", ALLOWS, template, {"depth": _number(terms.sublicense_depth)})


def _transfer(terms: Terms) -> Right:
    if terms.transferable:
        return Right("transferable", ALLOWS, _("Transfer the license to somebody else, and hold it no longer"))
    return Right("transferable", FORBIDS, _("No transfer of the license"))


def _seats(terms: Terms) -> Right:
    if terms.seats == UNLIMITED_SEATS:
        return Right("seats", ALLOWS, _("Any number of people"))
    if terms.seats == 1:
        return Right("seats", ALLOWS, _("One person"))
    return Right("seats", ALLOWS, _("Up to %(seats)s people"), {"seats": _number(terms.seats)})


def _fields(scope: Scope) -> Right:
    values: Values = {"fields": words_for("fields", scope.codes)}
    if scope.all_but and not scope.codes:
        return Right("fields", ALLOWS, _("For every field of use"))
    if scope.all_but:
        return Right("fields", ALLOWS, _("For every field of use except %(fields)s"), values)
    return Right("fields", ALLOWS, _("Only for %(fields)s"), values) if scope.codes else _nothing("fields")


def _media(scope: Scope) -> Right:
    values: Values = {"media": words_for("media", scope.codes)}
    if scope.all_but and not scope.codes:
        return Right("media", ALLOWS, _("In every medium"))
    if scope.all_but:
        return Right("media", ALLOWS, _("In every medium except %(media)s"), values)
    return Right("media", ALLOWS, _("Only as %(media)s"), values) if scope.codes else _nothing("media")


def _territory(scope: Scope) -> Right:
    values: Values = {"countries": words_for("territory", scope.codes)}
    if scope.all_but and not scope.codes:
        return Right("territory", ALLOWS, _("Everywhere"))
    if scope.all_but:
        return Right("territory", ALLOWS, _("Everywhere except in %(countries)s"), values)
    return Right("territory", ALLOWS, _("Only in %(countries)s"), values) if scope.codes else _nothing("territory")


def _nothing(dimension: str) -> Right:
    templates = {"fields": _("For no field of use"), "media": _("In no medium"), "territory": _("Nowhere")}
    return Right(dimension, FORBIDS, templates[dimension])


# By whether there is a first day, a last day, and a number of days.
_TIMES: Mapping[tuple[bool, bool, bool], str] = {
    (False, False, False): _("Without a time limit"),
    (True, False, False): _("From %(starts)s on, without a last day"),
    (False, True, False): _("Until %(ends)s, that day included"),
    (True, True, False): _("From %(starts)s until %(ends)s, both days included"),
    (False, False, True): _("For %(days)s from the day of the grant on"),
    (True, False, True): _("From %(starts)s on, for %(days)s from the day of the grant on"),
    (False, True, True): _(
        "For %(days)s from the day of the grant on, at the latest until %(ends)s, that day included"
    ),
    (True, True, True): _(
        "From %(starts)s until %(ends)s, both days included, and for no more than %(days)s from the day of the grant on"
    ),
}


def _time(terms: Terms) -> Right:
    limited = terms.duration_days != UNLIMITED_DAYS
    values: dict[str, Words | Written] = {}
    if terms.starts:
        values["starts"] = Written("day", terms.starts)
    if terms.ends:
        values["ends"] = Written("day", terms.ends)
    if limited:
        days = Words(_("%(days)s days"), {"days": _number(terms.duration_days)})
        values["days"] = Words(_("one day")) if terms.duration_days == 1 else days
    template = _TIMES[bool(terms.starts), bool(terms.ends), limited]
    return Right("duration_days", ALLOWS, template, values)


def _exclusivity(terms: Terms) -> Right:
    if terms.exclusive:
        template = _("Exclusive, so that nobody else is licensed for the same fields of use, places and time")
        return Right("exclusive", ALLOWS, template)
    return Right("exclusive", FORBIDS, _("Not exclusive, so that others may be licensed too"))


def _bans(terms: Terms) -> Right:
    if terms.banned:
        return Right("banned", FORBIDS, _("Never for %(uses)s"), {"uses": words_for("banned", terms.banned)})
    return Right("banned", ALLOWS, _("No kind of content or use is banned beyond these terms and the law"))


def _output(terms: Terms) -> Right:
    match terms.output_owner:
        case "licensee":
            return Right("output_owner", ALLOWS, _("What you make with it is yours"))
        case "shared":
            return Right("output_owner", ALLOWS, _("What you make with it belongs to you and the creator together"))
    return Right("output_owner", FORBIDS, _("What you make with it belongs to the creator, not to you"))


def _credit(terms: Terms) -> Right:
    if terms.credit_line:
        values = {"line": terms.credit_line}
        return Right("credit_required", REQUIRES, _("Credit the creator with the line “%(line)s”"), values)
    if terms.credit_required:
        return Right("credit_required", REQUIRES, _("Credit the creator by name"))
    return Right("credit_required", ALLOWS, _("No credit needed"))


def _approval(terms: Terms) -> Right:
    if terms.approval_required:
        template = _("Have the creator approve what you make with it before you publish it")
        return Right("approval_required", REQUIRES, template)
    return Right("approval_required", ALLOWS, _("No approval needed"))


def _share_alike(terms: Terms) -> Right:
    if terms.share_alike:
        template = _("Share what you made from it under the license “%(label)s” and no other")
        return Right("share_alike", REQUIRES, template, {"label": terms.share_alike})
    return Right("share_alike", ALLOWS, _("No duty to share what you make under the same license"))


def _royalty(terms: Terms) -> Right:
    if terms.royalty_ppb == 0:
        return Right("royalty_ppb", ALLOWS, _("No royalty on what works made from it earn"))
    template = {
        "revenue": _("Pay the creator %(share)s of the revenue of every work made from it"),
        "profit": _("Pay the creator %(share)s of the profit of every work made from it"),
    }[terms.royalty_basis]
    return Right("royalty_ppb", REQUIRES, template, {"share": Written("share", terms.royalty_ppb)})
