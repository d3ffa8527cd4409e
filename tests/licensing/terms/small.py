"""A small world of terms and uses, and what they mean there, deed by deed: an oracle that knows no lattice.

Four countries, three fields and three media (each time `other` stands for all the rest), ten days, and the time before
and after them. A use is the set of deeds that it takes, terms are the set of deeds that they allow.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import combinations, product
from typing import Any

from hypothesis import strategies as st

from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Scope, Terms, Use
from tests.licensing.making_terms import without_contradictions

OTHER = "other"
WORLD = {"territory": ("CN", "JP", "US"), "fields": ("film", "game"), "media": ("print", "video")}
FIRST = date(2026, 1, 1)
DAYS = [(FIRST + timedelta(days=number)).isoformat() for number in range(10)]
BEFORE, AFTER = "before", "after"
REVENUES = (0, 1, 499, 500, 501, 10**6)
BANS = ("nft", "violent")
LABELS = ("CC-BY-SA-4.0", "GPL-3.0-only")
PARTIES = ("Alice", "Bob")


class Chance(random.Random):
    """Chance that a test can draw again; most values are the usual ones, so that answers fall both ways."""

    def often(self, usual: Any, *others: Any, odds: float = 0.15) -> Any:
        return self.choice(others) if self.random() < odds else usual

    def some(self, codes: Sequence[str], least: int = 0) -> frozenset[str]:
        return frozenset(self.sample(codes, self.randint(least, len(codes))))

    def scope(self, dimension: str, least: int = 1) -> Scope:
        is_all_but = self.random() < 0.5
        return Scope(self.some(WORLD[dimension], 0 if is_all_but else least), is_all_but)


def terms_by(chance: Chance) -> Terms:
    often = chance.often
    commercial = often("full", "none", "personal", "limited")
    credit = often(False, True, odds=0.5)
    return Terms(
        **without_contradictions(
            {
                "name": "small",
                "commercial": commercial,
                "revenue_cap_usd": chance.choice([1, 500, 501]) if commercial == "limited" else 0,
                "derivatives": often("share", "none", "private"),
                "ai_training": often("share", "none", "own"),
                "redistribution": often("in-product", "none", "raw"),
                "seats": often(0, 1, 2, 3),
                "sublicense_depth": often(2, 0, 1, 254, 255),
                "transferable": often(True, False),
                "exclusive": often(True, False),
                **{dimension: often(Scope(all_but=True), chance.scope(dimension, 0)) for dimension in WORLD},
                "starts": often("", *DAYS[:4]),
                "ends": often("", *DAYS[2:]),
                "duration_days": often(0, 1, 2, 3, 4, 10),
                "banned": often(frozenset(), chance.some(BANS)),
                "approval_required": often(False, True),
                "credit_required": credit,
                "credit_line": chance.choice(["", "Alice Wu"]) if credit else "",
                "output_owner": often("licensee", "shared", "provider"),
                "share_alike": often("", *LABELS, odds=0.3),
                "royalty_ppb": often(0, 1, 400_000_000, 600_000_000, 10**9, odds=0.4),
                "royalty_basis": chance.choice(["revenue", "profit"]),
            }
        )
    )


def use_by(chance: Chance) -> Use:
    often = chance.often
    starts, ends = sorted([chance.choice(DAYS), chance.choice(DAYS)])
    derivatives = often("none", "private", "share", odds=0.3)
    return Use(
        commercial=often("none", "personal", "limited", "full", odds=0.4),
        revenue_usd=chance.choice(REVENUES),
        derivatives=derivatives,
        ai_training=often("none", "own", "share"),
        redistribution=often("none", "in-product", "raw"),
        seats=often(1, 0, 2, 3, 4),
        sublicense_depth=often(0, 1, 2, 254, 255),
        transferable=often(False, True),
        exclusive=often(False, True),
        **{dimension: chance.scope(dimension) for dimension in WORLD},
        starts=often(starts, ""),
        ends=often(ends, ""),
        content=often(frozenset(), chance.some(BANS)),
        approved=often(True, False),
        credited=often(True, False),
        output_owner=often("provider", "shared", "licensee"),
        share_alike=often("", *LABELS, odds=0.5),
    )


def layers_by(chance: Chance, least: int = 1, most: int = 3) -> list[Layer]:
    count = chance.randint(least, most)
    return [Layer(f"layer{place}", chance.choice(PARTIES), terms_by(chance)) for place in range(count)]


_CHANCE = st.integers(0, 2**64).map(Chance)


def terms() -> st.SearchStrategy[Terms]:
    return _CHANCE.map(terms_by)


def uses() -> st.SearchStrategy[Use]:
    return _CHANCE.map(use_by)


def layers(least: int = 1, most: int = 3) -> st.SearchStrategy[list[Layer]]:
    """This will give layers with names of their own, of parties that may have several."""
    return _CHANCE.map(lambda chance: layers_by(chance, least, most))


def permits(terms: Terms, use: Use) -> bool:
    """This will say whether each deed of the use is one that the terms allow."""
    if not deeds(use) <= allowed(terms) or not set(places(use)) <= set(places(terms)):
        return False
    taken, most = days(use), terms.duration_days
    endless = BEFORE in taken or AFTER in taken
    return not most or (not endless and len(taken) <= most)


def clash(given: Sequence[Layer]) -> bool:
    """This will say whether there is no deed at all that all may allow, or whether what they want cannot all be."""
    if not set.intersection(*(set(places(layer.terms)) for layer in given)):
        return True
    for a, b in combinations(given, 2):
        labels = {a.terms.share_alike, b.terms.share_alike} - {""}
        owners = {a.terms.output_owner, b.terms.output_owner}
        if len(labels) == 2 or (a.party != b.party and "provider" in owners and "licensee" not in owners):
            return True
    taken = {"revenue": 0, "profit": 0}
    for layer in given:
        taken[layer.terms.royalty_basis] += layer.terms.royalty_ppb
    return max(taken.values()) > 10**9


def places(thing: Terms | Use) -> Iterator[tuple[str, ...]]:
    """This will give every country, field, medium and day at which it happens, or may happen."""
    return product(*(covered(getattr(thing, dimension), known) for dimension, known in WORLD.items()), days(thing))


def covered(scope: Scope, known: Iterable[str]) -> list[str]:
    return [code for code in known if (code in scope.codes) != scope.all_but] + [OTHER] * scope.all_but


def days(thing: Terms | Use) -> list[str]:
    inside = [day for day in DAYS if thing.starts <= day and (not thing.ends or day <= thing.ends)]
    return [BEFORE] * (not thing.starts) + inside + [AFTER] * (not thing.ends)


def deeds(use: Use) -> set[tuple[str, Any]]:
    taken: set[tuple[str, Any]] = set()
    taken |= {
        "none": set(),
        "personal": {("earn", "person")},
        "limited": {("earn", use.revenue_usd)},
        "full": {("earn", "anybody")},
    }[use.commercial]
    taken |= {"none": set(), "private": {("change", "keep")}, "share": {("change", "keep"), ("change", "share")}}[
        use.derivatives
    ]
    taken |= {"none": set(), "own": {("train", "keep")}, "share": {("train", "share")}}[use.ai_training]
    taken |= {"none": set(), "in-product": {("pass on", "inside")}, "raw": {("pass on", "files")}}[use.redistribution]
    taken |= {("seat", number) for number in range(1, (use.seats or 9) + 1)}
    taken |= {("sublicense", level) for level in range(1, use.sublicense_depth + 1)}
    taken |= {("transfer", "")} if use.transferable else set()
    taken |= {("exclude", "")} if use.exclusive else set()
    taken |= {("show", word) for word in use.content}
    taken |= set() if use.approved else {("go ahead", "unapproved")}
    taken |= set() if use.credited else {("go ahead", "uncredited")}
    taken |= {"provider": set(), "shared": {("own", "in part")}, "licensee": {("own", "alone")}}[use.output_owner]
    if use.derivatives == "share":
        taken.add(("share under", use.share_alike))
    return taken


def allowed(terms: Terms) -> set[tuple[str, Any]]:
    companies = {
        ("earn", revenue) for revenue in REVENUES if terms.commercial == "full" or revenue <= terms.revenue_cap_usd
    }
    may: set[tuple[str, Any]] = set()
    may |= {
        "none": set(),
        "personal": {("earn", "person")},
        "limited": {("earn", "person")} | companies,
        "full": {("earn", "person"), ("earn", "anybody")} | companies,
    }[terms.commercial]
    may |= {("change", "keep")} if terms.derivatives != "none" else set()
    may |= {("change", "share")} if terms.derivatives == "share" else set()
    may |= {("train", "keep")} if terms.ai_training != "none" else set()
    may |= {("train", "share")} if terms.ai_training == "share" else set()
    may |= {("pass on", "inside")} if terms.redistribution != "none" else set()
    may |= {("pass on", "files")} if terms.redistribution == "raw" else set()
    may |= {("seat", number) for number in range(1, (terms.seats or 9) + 1)}
    may |= {("sublicense", level) for level in range(1, terms.sublicense_depth + 1)}
    may |= {("transfer", "")} if terms.transferable else set()
    may |= {("exclude", "")} if terms.exclusive else set()
    may |= {("show", word) for word in BANS if word not in terms.banned}
    may |= set() if terms.approval_required else {("go ahead", "unapproved")}
    may |= set() if terms.credit_required else {("go ahead", "uncredited")}
    may |= {("own", "in part")} if terms.output_owner != "provider" else set()
    may |= {("own", "alone")} if terms.output_owner == "licensee" else set()
    may |= {("share under", label) for label in ("", *LABELS) if terms.share_alike in ("", label)}
    return may
