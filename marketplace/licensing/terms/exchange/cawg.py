"""CAWG: the training and data mining assertion 1.1 of a picture's Content Credentials; written, never read."""

import json
from collections.abc import Mapping

from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.exchange.base import NAMES, Exported, loss
from marketplace.licensing.terms.model import DIMENSIONS, EVERYTHING, UNLIMITED_DAYS, UNLIMITED_SEATS, Terms
from marketplace.ui.words import gettext_noop as _

FORM = "cawg"
LABEL = "cawg.training-mining"
ENTRIES = ("cawg.data_mining", "cawg.ai_inference", "cawg.ai_training", "cawg.ai_generative_training")
_CONDITIONS: Mapping[str, str] = {
    "en": "Only as the license terms “{name}” allow: {subject}",
    "zh-hans": "仅限授权条款“{name}”允许的范围：{subject}",
}
_SAID = frozenset({"ai_training", "derivatives"})


def write(terms: Terms, subject: str, language: str) -> Exported:
    """Return the assertion; an entry is `allowed` only where nothing in the terms stands in its way."""
    said = _CONDITIONS.get(language.lower(), _CONDITIONS["en"]).format(name=terms.name, subject=subject).rstrip("：: ")
    conditions = {"use": "constrained", "constraint_info": said}
    open_to_all = {"use": "allowed"} if _without_conditions(terms) else conditions
    training = {"none": {"use": "notAllowed"}, "own": conditions, "share": open_to_all}[terms.ai_training]
    inference = {"use": "notAllowed"} if terms.derivatives == "none" else conditions
    if terms.allows_nothing:
        training = inference = {"use": "notAllowed"}
    entries = dict.fromkeys(ENTRIES, training) | {"cawg.ai_inference": inference}
    template = _("%(form)s speaks of training and mining alone; it does not say this.")
    lost = tuple(loss(name, template, form=NAMES[FORM]) for name in DIMENSIONS if name not in _SAID)
    text = json.dumps({"label": LABEL, "data": {"entries": entries}}, ensure_ascii=False, indent=2)
    return Exported(text, "application/json", lost, FORM)


def _without_conditions(terms: Terms) -> bool:
    """Whether anybody may train for any purpose, for ever, and owes nothing for it."""
    return (
        terms.commercial == "full"
        and terms.seats == UNLIMITED_SEATS
        and all(getattr(terms, scope) == EVERYTHING for scope in vocabulary.SCOPES)
        and not (terms.starts or terms.ends)
        and terms.duration_days == UNLIMITED_DAYS
        and not (terms.banned or terms.share_alike or terms.royalty_ppb or terms.exclusive)
        and not (terms.approval_required or terms.credit_required)
        and terms.output_owner == "licensee"
    )
