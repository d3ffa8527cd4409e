"""What a file of another tool says, as its page shows it: packs, what named them and what they cost, and the rest."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from marketplace.compositions.checking import CheckedRef
from marketplace.compositions.importing.matching import Guess, shown
from marketplace.compositions.importing.queries import Imported, Owed
from marketplace.compositions.notation.model import MILLION
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.compositions.uses import UsageEvent
from marketplace.storefront import words
from marketplace.storefront.recipe_cards import cost_of, pack_address, verdict
from marketplace.storefront.words_held import STATES
from marketplace.storefront.words_usage import SOURCES
from marketplace.ui.formats import Names, money_text, month_text, number_text, sentence

EVIDENCE: Names = {
    "lock": gettext_lazy("by your lock alone"),
    "release": gettext_lazy("by the digest of its release"),
    "name": gettext_lazy("by the name that we give its file, with the right digits"),
    "digits": gettext_lazy("by the first digits of its file's SHA-256"),
}
UNKNOWN_SHOWN = 40
NAMES_SHOWN = 3


def headline(found: Imported) -> str:
    """This will say in a sentence what came of it."""
    count = len(found.matched.releases)
    if count:
        said = ngettext("It names %(count)s pack of this site.", "It names %(count)s packs of this site.", count)
        return said % {"count": number_text(count)}
    if found.matched.guesses or found.matched.unclear:
        return _("It names no pack of this site for sure.")
    return _("It names no pack of this site.")


def result(found: Imported, now: datetime) -> dict[str, Any]:
    """This will gather what the page shows of a file."""
    unknown = [shown(name) for name in found.matched.unknown]
    return {
        "headline": headline(found),
        "packs": _packs(found, now),
        "contradictions": [sentence(one) for one in found.matched.contradictions],
        "guesses": [_guess(one) for one in found.matched.guesses],
        "unclear": [_guess(one) for one in found.matched.unclear],
        "unknown": unknown[:UNKNOWN_SHOWN],
        "unknown_more": max(len(unknown) - UNKNOWN_SHOWN, 0),
        "total": " + ".join(money_text(minor, currency) for currency, minor in found.totals),
        "counted": _counted(found.counted) if found.counted else None,
    }


def _packs(found: Imported, now: datetime) -> list[dict[str, Any]]:
    refs = found.checked.refs if found.checked else ()
    owed = {one.release.pk: one for one in (*found.beside, *found.owed)}
    rows = []
    for release in found.matched.releases:
        named = [one for one in found.matched.found if one.release.pk == release.pk]
        best = min(named, key=lambda one: tuple(EVIDENCE).index(one.evidence))
        mine = owed.get(release.pk)
        names = list(dict.fromkeys(shown(one.name) for one in named if one.evidence not in ("lock", "release")))
        rows.append(
            {
                "release": release,
                "href": f"{pack_address(release.pack)}?version={release.version}",
                "evidence": words.say(EVIDENCE, best.evidence),
                "names": names[:NAMES_SHOWN],
                "where": [_where(ref) for ref in refs if ref.release is not None and ref.release.pk == release.pk],
                "is_silent": all(one.is_silent for one in named),
                "verdict": verdict(mine.verdict, mine.ref.needs_quote) if mine else None,
                "cost": _cost(mine, now) if mine else "",
                "grant": mine.grant if mine else None,
                "other": _other(mine) if mine and mine.other else None,
                "reasons": [sentence(one) for one in (*mine.ref.findings, *mine.ref.reasons)] if mine else [],
            }
        )
    return rows


def _where(ref: CheckedRef) -> str:
    weight = ref.resolved.weight_ppm
    layer = _("Style") if ref.resolved.layer == "style" else ref.resolved.layer
    if weight == MILLION:
        return layer
    return _("%(layer)s, weight %(weight)s") % {"layer": layer, "weight": write_decimal(weight)}


def _cost(one: Owed, now: datetime) -> str:
    """Says what one picture costs under the license that is held, or what the license would cost."""
    if one.verdict == "licensed":
        if one.unit_minor is None:
            return _("Nothing more is owed for this picture.")
        values = {"price": money_text(one.unit_minor, one.currency), "unit": one.unit, "month": month_text(now.date())}
        values["count"] = number_text(one.so_far)
        return _("%(price)s for this picture (1 %(unit)s); %(count)s counted so far in %(month)s.") % values
    if one.verdict == "offered":
        said = cost_of(one.ref)
        return f"{said['text']} {said['note']}".strip()
    return ""


def _other(one: Owed) -> dict[str, Any]:
    """Says what becomes of a license that is held and does not allow the use."""
    state = one.other.state  # type: ignore[union-attr]
    return {"grant": one.other, "state": words.say(STATES, state), "holds": state == "active"}


def _guess(one: Guess) -> dict[str, Any]:
    packs = [{"release": release, "href": pack_address(release.pack)} for release in one.releases]
    return {"name": shown(one.name), "packs": packs, "others": one.others}


def _counted(use: UsageEvent) -> dict[str, Any]:
    return {"at": use.received_at, "source": words.say(SOURCES, use.batch.source)}
