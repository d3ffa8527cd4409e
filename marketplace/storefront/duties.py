"""What a use brings with it, in words: whom to credit and to ask, what to pay, and what to pass on."""

from django.utils.translation import gettext as _

from marketplace.licensing.terms import words as terms_words
from marketplace.licensing.terms.asking import Duties
from marketplace.ui.formats import percent_text, sentence
from marketplace.ui.words import Words, gettext_noop

_BANNED = gettext_noop("It is not used for %(banned)s.")


def duty_lines(duties: Duties) -> list[str]:
    """This will say the duties of a use, a sentence each."""
    lines = [
        _("Credit: “%s”") % credit.line if credit.line else _("The makers of %s are credited.") % _named(credit.layer)
        for credit in duties.credits
    ]
    lines += [_("The creator of %s approves it before it is published.") % layer for layer in duties.approvals]
    for royalty in duties.royalties:
        values = {"share": percent_text(royalty.ppb), "layer": royalty.layer}
        of = _("%(share)s of the revenue goes to %(layer)s.")
        if royalty.basis == "profit":
            of = _("%(share)s of the profit goes to %(layer)s.")
        lines.append(of % values)
    if duties.share_alike:
        lines.append(_("What you share is shared under %s.") % duties.share_alike)
    if duties.banned:
        banned = terms_words.words_for("banned", frozenset(duties.banned))
        lines.append(sentence(Words(_BANNED, {"banned": banned})))
    return lines


def _named(layer: str) -> str:
    """Calls the style of a recipe as its card does; no other layer can have this label."""
    return _("Style") if layer == "style" else layer
