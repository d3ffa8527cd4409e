"""RSL 1.0, Really Simple Licensing: what crawlers and makers of models may do; written, never read."""

from xml.etree import ElementTree  # builds XML here, and never reads any

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.exchange.base import NAMES, Exported, loss
from marketplace.licensing.terms.model import DIMENSIONS, EVERYTHING, Terms
from marketplace.ui.words import gettext_noop as _

FORM = "rsl"
NAMESPACE = "https://rslstandard.org/rsl"
_SAID = frozenset({"ai_training", "derivatives", "commercial", "territory"})
_TRAINING, _INPUT = "ai-train", "ai-input"


def write(terms: Terms, subject: str, language: str) -> Exported:
    """Return the license as an `.rsl` document that sends everybody to the full terms at `subject` for a license.

    What RSL cannot say binds all the same: whatever is permitted needs a license from there (`purchase`).
    """
    root = ElementTree.Element("rsl", {"xmlns": NAMESPACE})
    content = ElementTree.SubElement(root, "content", {"url": _clean(subject) or "/"})
    license = ElementTree.SubElement(content, "license")
    permits = {_TRAINING: terms.ai_training != "none", _INPUT: terms.derivatives != "none"}
    if terms.allows_nothing:
        permits = dict.fromkeys(permits, False)
    _rule(license, "permits", "usage", [use for use, allowed in permits.items() if allowed])
    if any(permits.values()):
        _limits(license, terms)
    _rule(license, "prohibits", "usage", [use for use, allowed in permits.items() if not allowed])
    _rule(license, "prohibits", "user", ["commercial"] if terms.commercial == "none" else [])
    if terms.territory.all_but and terms.territory != EVERYTHING:
        _rule(license, "prohibits", "geo", sorted(terms.territory.codes))
    payment = ElementTree.SubElement(license, "payment", {"type": "purchase"})
    if subject.startswith(("https://", "http://")):
        ElementTree.SubElement(payment, "custom").text = _clean(subject)
        ElementTree.SubElement(content, "terms").text = _clean(subject)
    ElementTree.indent(root)
    text = '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
    template = _("%(form)s has no word for it; whoever is permitted anything must take the license with it.")
    lost = tuple(loss(name, template, form=NAMES[FORM]) for name in DIMENSIONS if name not in _SAID)
    return Exported(text, "application/rsl+xml", lost, FORM)


def _limits(license: ElementTree.Element, terms: Terms) -> None:
    """Adds for whom and where what is permitted is."""
    if terms.commercial == "none":
        _rule(license, "permits", "user", ["non-commercial"])
    elif terms.commercial == "personal":
        _rule(license, "permits", "user", ["non-commercial", "personal"])
    if not terms.territory.all_but:
        _rule(license, "permits", "geo", sorted(terms.territory.within(vocabulary.TERRITORIES)))


def _rule(license: ElementTree.Element, name: str, kind: str, words: list[str]) -> None:
    if words:
        ElementTree.SubElement(license, name, {"type": kind}).text = ",".join(words)


def _clean(text: str) -> str:
    """Returns text without what XML 1.0 cannot carry."""
    return "".join(letter for letter in text if letter.isprintable())
