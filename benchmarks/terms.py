"""How long "may I?" takes with the licenses of 16 layers, beside a judge that looks at each code and each pair."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import combinations
from statistics import median

from benchmarks.figure import Figure, Figures
from marketplace.licensing.terms import vocabulary
from marketplace.licensing.terms.asking import ask
from marketplace.licensing.terms.lattice import RANKS, Layer
from marketplace.licensing.terms.model import WHOLE_PPB, Terms, Use, all_but, only
from marketplace.licensing.terms.ready import READY

GOAL_MS = 1
LAYERS = 16
_ROUNDS = 400


def terms_meet() -> Iterator[Figure]:
    """Times composing 16 layers and asking them, and the other judge, in turns: the median of the slowest question."""
    layers, questions = _layers(), _questions()
    slowest, plain, worst = 0.0, 0.0, 0.0
    said = []
    for name, use in questions.items():
        allowed = ask(use, layers).allowed
        if allowed != _judge(use, layers):
            sys.exit(f"The two judges do not agree about what is asked for: {name}.")
        ours, theirs = [], []
        for _round in range(_ROUNDS):
            ours.append(_timed_ms(ask, use, layers))
            theirs.append(_timed_ms(_judge, use, layers))
        said.append(f"{name} {median(ours):.3f}")
        slowest, plain = max(slowest, median(ours)), max(plain, median(theirs))
        worst = max(worst, sorted(ours)[_ROUNDS * 99 // 100])
    against = (
        f"a judge code by code and pair by pair without reasons or duties {plain:.3f} ms; {', '.join(said)}"
        f" (p99 {worst:.3f}); {os.cpu_count()} cores"
    )
    yield Figure("terms-meet", slowest, "ms", against, GOAL_MS)


def _timed_ms(judge: Callable[[Use, Sequence[Layer]], object], use: Use, layers: Sequence[Layer]) -> float:
    began = time.perf_counter()
    judge(use, layers)
    return (time.perf_counter() - began) * 1000


def _layers() -> list[Layer]:
    """Makes layers in which every dimension says something, and which do not clash."""
    bases = [READY[name] for name in ("studio", "enterprise", "cc-by-4.0", "openrail-m")]
    countries = sorted(vocabulary.TERRITORIES)
    return [
        Layer(
            f"layer{place}",
            f"party{place % 5}",
            replace(
                bases[place % 4],
                name=f"terms{place}",
                territory=all_but(*countries[place * 3 : place * 3 + 3]) if place % 3 else only(*countries[place:]),
                fields=all_but("news") if place % 2 else only(*vocabulary.FIELDS),
                media=all_but("weights"),
                starts=f"2026-01-{place + 1:02}",
                ends=f"2027-12-{31 - place:02}",
                duration_days=366 + place,
                banned=bases[place % 4].banned | {sorted(vocabulary.BANNED)[place]},
                credit_required=True,
                credit_line=f"Layer {place} by party {place % 5}",
                approval_required=place % 4 == 0,
                royalty_ppb=20_000_000 + place,
                royalty_basis="profit" if place % 2 else "revenue",
            ),
        )
        for place in range(LAYERS)
    ]


def _questions() -> dict[str, Use]:
    modest = Use(
        commercial="limited",
        revenue_usd=500_000,
        derivatives="private",
        territory=only("VN", "ZA"),
        fields=only("film", "game"),
        media=only("video"),
        starts="2026-02-01",
        ends="2026-12-31",
        content=frozenset({"weapons"}),
        approved=True,
        output_owner="licensee",
    )
    greedy = replace(
        modest,
        commercial="full",
        derivatives="share",
        ai_training="share",
        redistribution="raw",
        seats=0,
        sublicense_depth=255,
        transferable=True,
        exclusive=True,
        territory=all_but(),
        fields=all_but(),
        media=all_but(),
        starts="",
        ends="",
        content=vocabulary.BANNED,
        approved=False,
        credited=False,
    )
    return {"allowed": modest, "refused by one": replace(modest, territory=only("CN", "AW")), "by all": greedy}


def _judge(use: Use, layers: Sequence[Layer]) -> bool:
    """Judges as docs/formats/composition.md is read, step by step; says only yes or no."""
    for one, other in combinations(layers, 2):
        labels = {one.terms.share_alike, other.terms.share_alike} - {""}
        owners = {one.terms.output_owner, other.terms.output_owner}
        if len(labels) > 1 or (one.party != other.party and "provider" in owners and "licensee" not in owners):
            return False
        if one.terms.ends and other.terms.starts > one.terms.ends:
            return False
    for dimension, known in vocabulary.SCOPES.items():
        if not any(all(_has(layer.terms, dimension, code) for layer in layers) for code in known):
            return False
    for basis in vocabulary.ROYALTY_BASES:
        if sum(one.terms.royalty_ppb for one in layers if one.terms.royalty_basis == basis) > WHOLE_PPB:
            return False
    return all(_within(use, layer.terms) for layer in layers)


def _has(thing: Use | Terms, dimension: str, code: str) -> bool:
    scope = getattr(thing, dimension)
    return (code in scope.codes) != scope.all_but


def _within(use: Use, terms: Terms) -> bool:
    # One code stands for all that have none yet.
    scopes = all(
        _has(terms, dimension, code)
        for dimension, known in vocabulary.SCOPES.items()
        for code in (*known, "")
        if _has(use, dimension, code)
    )
    days = (date.fromisoformat(use.ends) - date.fromisoformat(use.starts)).days + 1 if use.starts and use.ends else 0
    return (
        scopes
        and all(ranks[getattr(use, name)] <= ranks[getattr(terms, name)] for name, ranks in RANKS.items())
        and not (use.commercial == terms.commercial == "limited" and use.revenue_usd > terms.revenue_cap_usd)
        and (not terms.seats or 0 < use.seats <= terms.seats)
        and use.sublicense_depth <= terms.sublicense_depth
        and use.transferable <= terms.transferable
        and use.exclusive <= terms.exclusive
        and use.starts >= terms.starts
        and (not terms.ends or "" < use.ends <= terms.ends)
        and (not terms.duration_days or 0 < days <= terms.duration_days)
        and not any(word in terms.banned for word in use.content)
        and use.approved >= terms.approval_required
        and use.credited >= terms.credit_required
        and (use.derivatives != "share" or terms.share_alike in ("", use.share_alike))
    )


FIGURES: Figures = {"terms-meet": terms_meet}
