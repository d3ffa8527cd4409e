"""How an amount came about, for the creator whose it is: one royalty line, one payout."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ledger.queries import leaf_of
from marketplace.payouts import explaining_queries as explaining
from marketplace.payouts.held import held_reasons
from marketplace.payouts.rules import WHOLE_PPB
from marketplace.payouts.statement_papers.words import BUCKETS, KINDS
from marketplace.payouts.statement_proofs import entry_of, proof_of, statement_with
from marketplace.people.models import Creator
from marketplace.portal import words, words_steps
from marketplace.portal.views.access import creators_only
from marketplace.portal.views.statements import first_of, proof_file, works_of
from marketplace.ui.formats import Names, say

REVERSALS: Names = {
    "refund": gettext_lazy("Refund to the buyer"),
    "dispute": gettext_lazy("Dispute by the buyer’s bank"),
    "takedown": gettext_lazy("Taken back after a claim"),
}
OUTCOMES: Names = {
    "": gettext_lazy("stands"),
    "open": gettext_lazy("open: held until the bank decides"),
    "won": gettext_lazy("won, given back"),
    "lost": gettext_lazy("lost"),
    "failed": gettext_lazy("failed, given back"),
    "lifted": gettext_lazy("lifted, given back"),
}


def _explained(creator: Creator, line: int) -> explaining.Explained:
    found = explaining.explained(creator, line)
    if found is None:
        raise Http404("There is no such royalty line of yours.")
    return found


@never_cache
@require_safe
@creators_only
def line(request: HttpRequest, creator: Creator, line: int) -> HttpResponse:
    """This will explain one royalty line: sale, split, division, what was taken of it, payout, statement, log."""
    found = _explained(creator, line)
    row = statement_with(creator, line=line)
    entry = entry_of(row.period) if row else None
    context = {
        "here": "sell",
        "creator": creator,
        "found": found,
        "line": found.line,
        "currency": found.line.currency,
        "work": works_of({found.line.source}).get(found.line.source),
        "shares": [(one, words.percent_text(one.share_ppb)) for one in found.shares],
        "whole": WHOLE_PPB,
        "product": found.sale.net_minor * found.mine.share_ppb,
        "odd_units": sum(one.odd_minor for one in found.shares),
        "reversals": [
            {"one": one, "kind": say(REVERSALS, one.kind), "outcome": _outcome(one)} for one in found.reversals
        ],
        "state": words.line_state(found.line),
        "row": row,
        "month": first_of(row.period.period) if row else None,
        "entry": entry,
        "is_in_log": bool(entry and leaf_of(entry)),
    }
    return render(request, "portal/earnings_line.html", context)


def _outcome(one: explaining.Taken) -> str:
    return say(OUTCOMES, one.outcome or ("" if one.kind != "dispute" else "open"))


@never_cache
@require_safe
@creators_only
def line_proof(request: HttpRequest, creator: Creator, line: int) -> HttpResponse:
    """This will send the proof that a royalty line is under a root that the log has."""
    _explained(creator, line)
    row = statement_with(creator, line=line)
    return proof_file(proof_of(row, line=line) if row else None, f"proof-{creator.handle}-line-{line}.json")


@never_cache
@require_safe
@creators_only
def payout(request: HttpRequest, creator: Creator, payout: UUID) -> HttpResponse:
    """This will show what a payout is made of: each movement since the payout before, and the lines it released."""
    found = explaining.payout_of(creator, payout)
    if found is None:
        raise Http404("There is no such payout of yours.")
    story = explaining.story_of(found)
    works = works_of({line.sale.source for movement in story for line in movement.lines})
    told = [
        {
            "movement": one,
            "kind": say(KINDS, one.kind),
            "beside": [(say(BUCKETS, name), moved) for name, moved in one.buckets.items() if name != "available"],
            "lines": [(line, works.get(line.sale.source)) for line in one.lines],
        }
        for one in story
    ]
    context = {
        "here": "sell",
        "creator": creator,
        "payout": found,
        "steps": words_steps.step_rows(found),
        "held_for": held_reasons(creator, found.currency) if not found.outcomes.exists() else [],
        "outcomes": [(words.say(words.PAYOUT_STATES, one.state), one) for one in found.outcomes.order_by("pk")],
        "story": told,
        "sum": sum(one.amount_minor for one in story),
    }
    return render(request, "portal/payout.html", context)
