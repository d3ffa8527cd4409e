"""What can go wrong with a layer that a provider paints: stable codes, one sentence each. No Django in here."""

from collections.abc import Mapping

from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

REASON_CHARACTERS = 200

SENTENCES: Mapping[str, str] = {
    "service-gone": _(
        "The service of %(pack)s cannot be reached for the layer “%(layer)s” (%(reason)s): run it again later, or"
        " choose another pack."
    ),
    "service-private": _(
        "The service of %(pack)s, for the layer “%(layer)s”, is at an address that is not public (%(reason)s): choose"
        " another pack, and tell its creator."
    ),
    "service-slow": _(
        "The service of %(pack)s did not answer within %(reason)s seconds for the layer “%(layer)s”: run it again"
        " later, or choose another pack."
    ),
    "service-late": _(
        "The service of %(pack)s did not paint the layer “%(layer)s” in the time it says: run it again later, or"
        " choose another pack."
    ),
    "service-busy": _(
        "The service of %(pack)s takes no more jobs now, so the layer “%(layer)s” was not painted: run it again later."
    ),
    "service-failing": _(
        "The service of %(pack)s answers with an error of its own for the layer “%(layer)s” (%(reason)s): run it again"
        " later, or tell its creator."
    ),
    "service-refused": _(
        "The service of %(pack)s refuses the layer “%(layer)s” (%(reason)s): change the layer, or choose another pack."
    ),
    "service-failed": _(
        "The service of %(pack)s could not paint the layer “%(layer)s” (%(reason)s): change the layer, or choose"
        " another pack."
    ),
    "service-redirects": _(
        "The service of %(pack)s sends elsewhere for the layer “%(layer)s”, where we do not follow: choose another"
        " pack, and tell its creator."
    ),
    "service-unreadable": _(
        "The service of %(pack)s answers what we cannot read for the layer “%(layer)s” (%(reason)s): choose another"
        " pack, and tell its creator."
    ),
    "wrong-digest": _(
        "The service of %(pack)s sent another picture than it said for the layer “%(layer)s”: run it again, and tell"
        " its creator."
    ),
    "too-large": _(
        "The service of %(pack)s sent more than %(reason)s bytes for the layer “%(layer)s”: choose another pack, and"
        " tell its creator."
    ),
    "wrong-type": _(
        "The service of %(pack)s sent %(reason)s for the layer “%(layer)s”, which it does not promise: choose another"
        " pack, and tell its creator."
    ),
    "not-a-picture": _(
        "The service of %(pack)s sent no picture that can be opened for the layer “%(layer)s” (%(reason)s): choose"
        " another pack, and tell its creator."
    ),
    "wrong-size": _(
        "The service of %(pack)s painted the layer “%(layer)s” in another size than asked (%(reason)s pixels): choose"
        " another pack, and tell its creator."
    ),
    "license-ended": _(
        "The license for %(pack)s of the layer “%(layer)s” does not hold any more: buy one, then lock the recipe again."
    ),
    "not-counted": _("The picture was made, but its use cannot be counted (%(reason)s): nothing was charged."),
    "picture-lost": _("A picture of this run cannot be opened any more (%(reason)s): run it again."),
    "not-asked": _("The layer “%(layer)s” was not asked for, since another one failed."),
    "abandoned": _("The layer “%(layer)s” was given up, since another one failed."),
}
"""By code. Values are `layer`, `pack` and `reason`: what the provider said, or a number."""


class ServiceFault(Exception):
    """A provider did not do what it was asked: `code` is one of SENTENCES, `reason` at most 200 characters.

    `lasts` says that asking again does not help; else it may, after `wait_seconds` where the provider said so.
    """

    code = "service-fault"

    def __init__(self, code: str, reason: str = "", *, lasts: bool = True, wait_seconds: int | None = None) -> None:
        reason = plain(reason)
        super().__init__(f"{code}: {reason}")
        self.code, self.reason, self.lasts, self.wait_seconds = code, reason, lasts, wait_seconds


def plain(text: str) -> str:
    """This will make a stranger's words one short line of what can be seen."""
    seen = "".join(sign if sign.isprintable() else " " for sign in text[: REASON_CHARACTERS * 4])
    seen = " ".join(seen.split())
    return seen if len(seen) <= REASON_CHARACTERS else seen[: REASON_CHARACTERS - 1] + "…"


def words_of(code: str, *, layer: str, pack: str, reason: str) -> Words:
    """This will say a fault in any language."""
    return Words(SENTENCES[code], {"layer": layer, "pack": pack, "reason": reason or "…"})
