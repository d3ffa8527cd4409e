"""May somebody do this with these layers? One question, one answer with its reasons and its duties.

docs/formats/composition.md says each rule with examples.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from marketplace.licensing.terms import needs
from marketplace.licensing.terms.lattice import RANKS, Clash, Composed, Credit, Layer, Royalty, clashes, compose
from marketplace.licensing.terms.model import UNLIMITED_DAYS, Terms, Use
from marketplace.licensing.terms.using import check_use
from marketplace.licensing.terms.words import rights_in
from marketplace.ui.words import Values, Words
from marketplace.ui.words import gettext_noop as _


class Broken(NamedTuple):
    """A rule that a layer's terms set and a use does not keep. Its words are made when somebody reads them."""

    rule: "Rule"
    use: Use
    layer: Layer

    @property
    def words(self) -> Words:
        """What the license says, and what is needed or must be promised."""
        return self.rule.sentence(self.use, self.layer)


class Refusal(NamedTuple):
    """Why not: in which dimension, by which layers (one, or several that clash), with a code that stays the same."""

    dimension: str
    code: str
    layers: tuple[str, ...]
    reason: Clash | Broken

    @property
    def words(self) -> Words:
        return self.reason.words

    @property
    def template(self) -> str:
        return self.words.template

    @property
    def values(self) -> Values:
        return self.words.values

    def __str__(self) -> str:
        return str(self.words)


@dataclass(frozen=True, slots=True)
class Duties:
    """What a use brings with it: whom to credit and to ask, what to pay of earnings, and what to pass on."""

    credits: tuple[Credit, ...] = ()
    approvals: tuple[str, ...] = ()
    royalties: tuple[Royalty, ...] = ()
    share_alike: str = ""
    banned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a use is allowed, and if not, every reason; `duties` are told in either case."""

    allowed: bool
    refusals: tuple[Refusal, ...]
    duties: Duties
    composed: Composed


def ask(use: Use, layers: Iterable[Layer]) -> Answer:
    """Return whether all the layers together allow the use, and if not, each layer's reasons.

    Raises UnreadableUse for a use that cannot be judged, UnableToCompose for layers that cannot be told apart.
    """
    check_use(use)
    composed = compose(layers)
    refusals = tuple(_refusals(use, composed))
    return Answer(not refusals, refusals, duties_of(use, composed), composed)


def duties_of(use: Use, composed: Composed) -> Duties:
    """Return what the use brings with it. Royalties are owed by uses that earn with what they change or train."""
    earns = use.commercial != "none" and (use.derivatives != "none" or use.ai_training != "none")
    return Duties(
        credits=tuple(sorted(composed.credits)),
        approvals=tuple(sorted(composed.approvals)),
        royalties=tuple(sorted(composed.royalties)) if earns else (),
        share_alike=composed.share_alike if use.derivatives == "share" else "",
        banned=tuple(sorted(composed.banned)),
    )


def days_of(use: Use) -> int:
    """Return how many days a use takes, both ends included; 0 where it has no first or no last day."""
    if not use.starts or not use.ends:
        return UNLIMITED_DAYS
    return (date.fromisoformat(use.ends) - date.fromisoformat(use.starts)).days + 1


def _refusals(use: Use, composed: Composed) -> Iterator[Refusal]:
    for clash in clashes(composed):
        yield Refusal(clash.dimension, clash.code, clash.layers, clash)
    for rule in RULES:
        # What the meet allows, every layer allows; but a meet that is below limited use has none of its layers' caps.
        if not rule.refuses(use, composed) and not (rule.refuses is _over_cap and _ABOVE_COMMERCIAL(use, composed)):
            continue
        for layer in composed.layers:
            if rule.refuses(use, layer.terms):
                yield Refusal(rule.dimension, rule.code, (layer.name,), Broken(rule, use, layer))


@dataclass(frozen=True, slots=True)
class Rule:
    """One dimension's: whether terms, or what layers allow together, refuse a use, and what it needs in words."""

    dimension: str
    code: str
    refuses: Callable[[Use, Terms | Composed], bool]
    needed: Callable[[Use, Terms], Words] | None = None

    def sentence(self, use: Use, layer: Layer) -> Words:
        """Return why the layer refuses: what its license says, and what is needed or must be promised."""
        said: Values = {"layer": layer.name, "said": _rights(layer.terms)[_SAID_AS.get(self.dimension, self.dimension)]}
        if self.needed is None:
            return Words(_("%(layer)s says “%(said)s”: promise that."), said)
        return Words(
            _("%(layer)s says “%(said)s”, but you need %(needed)s."), {**said, "needed": self.needed(use, layer.terms)}
        )


_SAID_AS: Mapping[str, str] = {
    "revenue_cap_usd": "commercial",
    "starts": "duration_days",
    "ends": "duration_days",
}


@lru_cache(maxsize=4096)
def _rights(terms: Terms) -> Mapping[str, Words]:
    return {right.dimension: Words(right.template, right.values) for right in rights_in(terms)}


def _above(dimension: str) -> Callable[[Use, Terms | Composed], bool]:
    """Returns the rule of a scale: a use may not need more than its word allows."""
    ranks = RANKS[dimension]
    return lambda use, terms: ranks[getattr(use, dimension)] > ranks[getattr(terms, dimension)]


def _outside(dimension: str) -> Callable[[Use, Terms | Composed], bool]:
    """Returns the rule of a scope: all that the use needs must be in it."""
    return lambda use, terms: not getattr(use, dimension) <= getattr(terms, dimension)


def _over_cap(use: Use, terms: Terms | Composed) -> bool:
    return use.commercial == terms.commercial == "limited" and use.revenue_usd > terms.revenue_cap_usd


def _too_many_people(use: Use, terms: Terms | Composed) -> bool:
    return terms.seats != 0 and (use.seats == 0 or use.seats > terms.seats)


def _too_early(use: Use, terms: Terms | Composed) -> bool:
    # An open first day is the empty text, which is before every day.
    return use.starts < terms.starts


def _too_late(use: Use, terms: Terms | Composed) -> bool:
    return terms.ends != "" and (use.ends == "" or use.ends > terms.ends)


def _too_long(use: Use, terms: Terms | Composed) -> bool:
    if terms.duration_days == UNLIMITED_DAYS:
        return False
    days = days_of(use)
    return days == UNLIMITED_DAYS or days > terms.duration_days


def _shared_otherwise(use: Use, terms: Terms | Composed) -> bool:
    return use.derivatives == "share" and terms.share_alike not in ("", use.share_alike)


_ABOVE_COMMERCIAL = _above("commercial")
RULES: tuple[Rule, ...] = (
    Rule("commercial", "commercial-not-allowed", _ABOVE_COMMERCIAL, needs.commercial),
    Rule("revenue_cap_usd", "revenue-cap-exceeded", _over_cap, needs.commercial),
    Rule("derivatives", "derivatives-not-allowed", _above("derivatives"), needs.derivatives),
    Rule("ai_training", "ai-training-not-allowed", _above("ai_training"), needs.ai_training),
    Rule("redistribution", "redistribution-not-allowed", _above("redistribution"), needs.redistribution),
    Rule("seats", "seats-exceeded", _too_many_people, needs.seats),
    Rule(
        "sublicense_depth",
        "sublicense-depth-exceeded",
        lambda use, terms: use.sublicense_depth > terms.sublicense_depth,
        needs.sublicenses,
    ),
    Rule(
        "transferable",
        "transfer-not-allowed",
        lambda use, terms: use.transferable and not terms.transferable,
        needs.transfer,
    ),
    Rule("exclusive", "not-exclusive", lambda use, terms: use.exclusive and not terms.exclusive, needs.exclusivity),
    Rule("territory", "territory-not-allowed", _outside("territory"), needs.territory),
    Rule("fields", "fields-not-allowed", _outside("fields"), needs.fields),
    Rule("media", "media-not-allowed", _outside("media"), needs.media),
    Rule("starts", "starts-too-early", _too_early, needs.first_day),
    Rule("ends", "ends-too-late", _too_late, needs.last_day),
    Rule("duration_days", "duration-exceeded", _too_long, needs.duration),
    Rule("banned", "use-banned", lambda use, terms: not use.content.isdisjoint(terms.banned), needs.content),
    Rule("approval_required", "approval-missing", lambda use, terms: terms.approval_required and not use.approved),
    Rule("credit_required", "credit-missing", lambda use, terms: terms.credit_required and not use.credited),
    Rule("output_owner", "output-owner-not-allowed", _above("output_owner"), needs.output_owner),
    Rule("share_alike", "share-alike-missing", _shared_otherwise, needs.share_alike),
)
"""What is looked at, in the order of the terms' document."""
