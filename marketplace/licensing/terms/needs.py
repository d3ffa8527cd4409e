"""What a use needs, in words that end the sentence “but you need …”."""

from collections.abc import Mapping

from marketplace.licensing.terms.model import UNLIMITED_DEPTH, UNLIMITED_SEATS, Scope, Terms, Use
from marketplace.licensing.terms.words import words_for
from marketplace.ui.words import Words, Written
from marketplace.ui.words import gettext_noop as _


def commercial(use: Use, _terms: Terms) -> Words:
    match use.commercial:
        case "personal":
            return Words(_("commercial use by one person"))
        case "limited":
            template = _("commercial use by a company with a revenue of US$%(revenue)s a year")
            return Words(template, {"revenue": Written("number", use.revenue_usd)})
    return Words(_("commercial use, whatever the revenue"))


def derivatives(use: Use, _terms: Terms) -> Words:
    return Words(_("to share what you make from it") if use.derivatives == "share" else _("to change it"))


def ai_training(use: Use, _terms: Terms) -> Words:
    return Words(_("to share models trained with it") if use.ai_training == "share" else _("to train models with it"))


def redistribution(use: Use, _terms: Terms) -> Words:
    return Words(_("to pass the files on") if use.redistribution == "raw" else _("to ship it inside a product"))


def seats(use: Use, _terms: Terms) -> Words:
    if use.seats == UNLIMITED_SEATS:
        return Words(_("it for any number of people"))
    return Words(_("it for %(seats)s people"), {"seats": Written("number", use.seats)})


def sublicenses(use: Use, _terms: Terms) -> Words:
    if use.sublicense_depth == UNLIMITED_DEPTH:
        return Words(_("sublicenses without limit"))
    if use.sublicense_depth == 1:
        return Words(_("sublicenses"))
    return Words(_("sublicenses down to %(depth)s levels"), {"depth": Written("number", use.sublicense_depth)})


def transfer(_use: Use, _terms: Terms) -> Words:
    return Words(_("to transfer the license"))


def exclusivity(_use: Use, _terms: Terms) -> Words:
    return Words(_("it exclusively"))


def territory(use: Use, terms: Terms) -> Words:
    return _lacking("territory", use.territory - terms.territory)


def fields(use: Use, terms: Terms) -> Words:
    return _lacking("fields", use.fields - terms.fields)


def media(use: Use, terms: Terms) -> Words:
    return _lacking("media", use.media - terms.media)


_LACKING: Mapping[tuple[str, bool], str] = {
    ("territory", False): _("it in %(codes)s"),
    ("territory", True): _("it in the rest of the world, except %(codes)s"),
    ("fields", False): _("it for %(codes)s"),
    ("fields", True): _("it for all fields of use, except %(codes)s"),
    ("media", False): _("it as %(codes)s"),
    ("media", True): _("it in all media, except %(codes)s"),
}
_ALL: Mapping[str, str] = {
    "territory": _("it in all countries"),
    "fields": _("it for all fields of use"),
    "media": _("it in all media"),
}


def _lacking(dimension: str, scope: Scope) -> Words:
    """Returns what is needed and not allowed."""
    if scope.all_but and not scope.codes:
        return Words(_ALL[dimension])
    return Words(_LACKING[dimension, scope.all_but], {"codes": words_for(dimension, scope.codes)})


def first_day(use: Use, _terms: Terms) -> Words:
    if not use.starts:
        return Words(_("it without a first day"))
    return Words(_("it from %(day)s on"), {"day": Written("day", use.starts)})


def last_day(use: Use, _terms: Terms) -> Words:
    if not use.ends:
        return Words(_("it without a last day"))
    return Words(_("it until %(day)s"), {"day": Written("day", use.ends)})


def duration(use: Use, terms: Terms) -> Words:
    if not use.starts:
        return first_day(use, terms)
    if not use.ends:
        return last_day(use, terms)
    template = _("it from %(starts)s until %(ends)s")
    return Words(template, {"starts": Written("day", use.starts), "ends": Written("day", use.ends)})


def content(use: Use, terms: Terms) -> Words:
    return Words(_("it for %(codes)s"), {"codes": words_for("banned", use.content & terms.banned)})


def output_owner(use: Use, _terms: Terms) -> Words:
    if use.output_owner == "licensee":
        return Words(_("to own what you make with it"))
    return Words(_("a share in what you make with it"))


def share_alike(use: Use, _terms: Terms) -> Words:
    if not use.share_alike:
        return Words(_("to share it under no such license"))
    return Words(_("to share it under “%(label)s”"), {"label": use.share_alike})
