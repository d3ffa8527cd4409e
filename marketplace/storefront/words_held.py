"""What is said of licenses that are held, and of what somebody wants to do with them."""

from django.utils.translation import gettext_lazy

from marketplace.licensing.terms import words as terms_words
from marketplace.licensing.words import countries as countries
from marketplace.ui import formats
from marketplace.ui.formats import Names
from marketplace.ui.words import Words

ENDING = "ending"

STATES: Names = {
    "active": gettext_lazy("Active"),
    ENDING: gettext_lazy("Ends within 30 days"),
    "upcoming": gettext_lazy("Not begun"),
    "expired": gettext_lazy("Expired"),
    "suspended": gettext_lazy("Suspended"),
    "revoked": gettext_lazy("Revoked"),
    "superseded": gettext_lazy("Replaced"),
}
TONES = {"suspended": "warn", "revoked": "bad"}
"""The color of a state; the others have none: green is for proofs alone."""
ICONS = {"suspended": "warning", "revoked": "refused", "upcoming": "clock", "expired": "clock", ENDING: "clock"}
KINDS: Names = {
    "new": gettext_lazy("New"),
    "renewal": gettext_lazy("Renewal"),
    "upgrade": gettext_lazy("Upgrade"),
    "transfer": gettext_lazy("Passed on"),
}
CAUSES: Names = {
    "cancelled": gettext_lazy("It was cancelled."),
    "declined": gettext_lazy("A payment was declined."),
    "withdrawn": gettext_lazy("The offer is not sold any more."),
    "replaced": gettext_lazy("The license was replaced by another."),
    "revoked": gettext_lazy("The license was revoked."),
    "refused": gettext_lazy("It could not be renewed."),
}
"""Why a subscription ended."""

COMMERCIAL: Names = {
    "none": gettext_lazy("It earns no money"),
    "personal": gettext_lazy("I earn with it, as one person"),
    "limited": gettext_lazy("A company earns with it, up to a revenue"),
    "full": gettext_lazy("A company of any size earns with it"),
}
DERIVATIVES: Names = {
    "none": gettext_lazy("Leave it as it is"),
    "private": gettext_lazy("Change it for our own projects"),
    "share": gettext_lazy("Change it, and share what we made from it"),
}
AI_TRAINING: Names = {
    "none": gettext_lazy("Train no models"),
    "own": gettext_lazy("Train models for ourselves"),
    "share": gettext_lazy("Train models, and share them"),
}
REDISTRIBUTION: Names = {
    "none": gettext_lazy("Keep the files to ourselves"),
    "in-product": gettext_lazy("Ship it inside a finished product"),
    "raw": gettext_lazy("Pass the files on"),
}
OUTPUT_OWNERS: Names = {
    "provider": gettext_lazy("It does not matter who owns the results"),
    "shared": gettext_lazy("We own the results together with the creator"),
    "licensee": gettext_lazy("We own the results"),
}


def fields() -> list[tuple[str, str]]:
    """This will name the fields of use, by name."""
    return _named(terms_words.FIELDS)


def media() -> list[tuple[str, str]]:
    """This will name the media, by name."""
    return _named(terms_words.MEDIA)


def banned() -> list[tuple[str, str]]:
    """This will name what terms may ban, by name."""
    return _named(terms_words.BANNED)


def _named(names: Names) -> list[tuple[str, str]]:
    rows = [(code, formats.sentence(Words(str(name)))) for code, name in names.items()]
    return sorted(rows, key=lambda row: formats.name_order(row[1]))
