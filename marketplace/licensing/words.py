"""Terms as people read them: names, lines, and the whole text of a license in a language."""

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from marketplace.licensing.terms import document, vocabulary, words
from marketplace.licensing.terms.model import Terms
from marketplace.ui.formats import Names, country_text, name_order, say, sentence
from marketplace.ui.words import Words

TERMS: Names = {
    "personal": gettext_lazy("Personal"),
    "studio": gettext_lazy("Studio"),
    "enterprise": gettext_lazy("Enterprise"),
    "exclusive": gettext_lazy("Exclusive"),
    "cc-by-4.0": "CC BY 4.0",
    "cc-by-nc-4.0": "CC BY-NC 4.0",
    "cc0-1.0": "CC0 1.0",
    "openrail-m": "OpenRAIL-M",
}
"""What ready-made terms are called; others have the name that was given them."""

_MEANINGS = gettext_noop(
    "In these terms, “you” are the licensee, “it” is the licensed work, and “the creator” is who grants the license."
    " Commercial use is every use that is meant to earn money; revenue is all that the licensee took in during its last"
    " business year; people are those who work with the files; a finished product is one from which the files cannot"
    " be taken out by ordinary means; a day is a day in UTC."
)


def summary_text(terms: Terms) -> str:
    """This will say terms in one short line: for how many people, for what, and what limits it."""
    return " · ".join(sentence(part) for part in words.summary_of(terms))


def change_text(change: Words) -> str:
    """This will say what to take instead, ready-made terms by the name that people read."""
    name = change.values.get("name")
    if isinstance(name, str):
        change = Words(change.template, {**change.values, "name": say(TERMS, name)})
    return sentence(change)


def text_of(terms: Terms, language: str) -> str:
    """This will write the license in words, in one language, from the data alone: a numbered clause a dimension.

    It names the document that it was made from, which decides what words leave open. The document does not contain
    the text, so that both can be hashed into an offer.
    """
    with translation.override(language):
        values = {"format": document.FORMAT, "digest": document.digest_of(terms)}
        lines = [
            _("License terms “%(name)s”") % {"name": say(TERMS, terms.name)},
            _("As data: %(format)s, SHA-256 %(digest)s. What these words leave open, the data decides.") % values,
            "",
        ]
        for number, right in enumerate(words.rights_in(terms), start=1):
            clause = {"number": number, "heading": _(words.HEADINGS[right.dimension]), "sentence": sentence(right)}
            lines.append(_("%(number)s. %(heading)s: %(sentence)s.") % clause)
        lines += ["", _(_MEANINGS), "", _("What is not allowed here is not allowed.")]
    return "\n".join(lines) + "\n"


def countries() -> list[tuple[str, str]]:
    """This will name all countries and areas, by name: (ISO 3166-1 code, name)."""
    rows = [(code, country_text(code)) for code in vocabulary.TERRITORIES]
    return sorted(rows, key=lambda row: (name_order(row[1]), row[0]))
