"""The cover of a bundle of evidence, on A4 in English: what a bank reads first."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from marketplace.checkout.evidence.texts import money
from marketplace.ui.typesetting import BODY, HEADLINE, MARGIN, SMALL, STRONG, TITLE, VALUE, WIDTH, Paper

_LABELS = 130
SHOWN_DOWNLOADS = 40
"""The most downloads of a license that the cover lists one by one; all are in downloads.csv."""


def cover_pdf(facts: Mapping[str, Any], downloads: Mapping[str, list[tuple[str, str]]], digest: str) -> bytes:
    """This will set the cover from the facts, with the first downloads of each license; `digest` names facts.json.

    The same facts give the same bytes.
    """
    dispute = facts["dispute"]
    paper = Paper(
        title=f"Evidence about {dispute['charge']}",
        author="Worldloom 织界",
        language="en",
        made_at=datetime.fromisoformat(dispute["opened_at"]),
        foot=f"{dispute['reference']} · facts.json SHA-256 {digest}",
    )
    paper.text("Evidence about a disputed payment", TITLE)
    paper.y -= 8
    for label, value in _head(facts):
        _row(paper, label, value)
    _bought(paper, facts)
    for one in facts["licenses"]:
        _license(paper, one, downloads.get(one["id"], []))
    _after(paper, facts)
    return paper.pdf()


def _head(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    dispute, order, buyer, studio = (facts[name] for name in ("dispute", "order", "buyer", "studio"))
    yield "Dispute", dispute["reference"]
    yield "Charge", dispute["charge"]
    yield "Disputed", money(dispute["amount_minor"], dispute["currency"])
    if dispute["reason"]:
        yield "Reason that was given", dispute["reason"]
    yield "Order", order["id"]
    yield "Ordered", order["placed_at"]
    yield "Paid", f"{money(order['total_minor'], order['currency'])}, {order['paid_at']}"
    if order["card"]:
        yield "Card", f"{order['card']['brand'] or 'card'} ending in {order['card']['last4']}"
    yield "Buyer", f"{buyer['name']}, {buyer['email']}; account since {buyer['account_since']}"
    place = ", ".join(filter(None, (studio["country"], studio["registration"])))
    yield "Licensee", f"{studio['name']} ({place})" if place else studio["name"]
    if studio["other_orders_paid"]:
        yield "Other orders", f"{studio['other_orders_paid']} others were paid here by the same licensee, undisputed"


def _row(paper: Paper, label: str, value: str) -> None:
    paper.room_for(VALUE.leading)
    paper.line(label, SMALL, MARGIN, paper.y - VALUE.leading)
    paper.text(value, VALUE, left=MARGIN + _LABELS, width=WIDTH - 2 * MARGIN - _LABELS)


def _heading(paper: Paper, text: str) -> None:
    paper.y -= 10
    paper.room_for(90)
    paper.text(text, HEADLINE)


def _bought(paper: Paper, facts: Mapping[str, Any]) -> None:
    _heading(paper, "What was bought")
    currency = facts["order"]["currency"]
    for line in facts["lines"]:
        paper.text(f"{line['title']} · {line['pack']} {line['version']}", STRONG)
        _row(paper, "License terms", f"{line['terms']['name']}, SHA-256 {line['terms']['sha256']}")
        price = money(line["price_minor"], currency)
        _row(paper, "Price, disputed", f"{price}, of which {money(line['disputed_minor'], currency)}")
        for words in line["price_in_words"]:
            _row(paper, "", words)
        paper.y -= 4
    paper.text(
        "The page of the order shows the price and what these terms allow, and leads to their full text, before the"
        " buyer orders; the text is in this bundle under the same SHA-256.",
        BODY,
    )


def _license(paper: Paper, one: Mapping[str, Any], downloads: list[tuple[str, str]]) -> None:
    _heading(paper, f"What was delivered: license {one['id']}")
    _row(paper, "Licensee", one["licensee"])
    _row(paper, "Work", f"{one['pack']} {one['version']}")
    _row(paper, "Granted", one["granted_at"])
    _row(paper, "Certificate", f"SHA-256 {one['certificate']}" if one["certificate"] else "erased")
    for status in one["statuses"]:
        _row(paper, "Since then", f"{status['status']} since {status['since']}: {status['reason']}")
    told = one["downloads"]
    if told["count"]:
        by_program = f", {told['by_program']} of them by a program of the licensee" if told["by_program"] else ""
        _row(paper, "Downloads", f"{told['count']}{by_program}, from {told['first_at']} to {told['last_at']}")
    else:
        _row(paper, "Downloads", "none is recorded")
    for at, by in downloads[:SHOWN_DOWNLOADS]:
        _row(paper, "", f"{at}  {by}")
    if len(downloads) > SHOWN_DOWNLOADS:
        _row(paper, "", f"and {len(downloads) - SHOWN_DOWNLOADS} more in downloads.csv")
    if one["reported_uses"] or one["uses_of_recipes"]:
        _row(paper, "Use", f"{one['reported_uses']} reports of use, {one['uses_of_recipes']} signed uses in recipes")


def _after(paper: Paper, facts: Mapping[str, Any]) -> None:
    if facts["refunds"]:
        _heading(paper, "What was given back")
        for one in facts["refunds"]:
            amount = money(one["amount_minor"], facts["order"]["currency"])
            _row(paper, one["asked_at"], f"{amount}: {one['state']}")
    _heading(paper, "How this is proven")
    paper.text(
        "Each certificate is signed, and its digest is an entry of a public log that can only be added to; the bundle"
        " has the entry, its proof and the signed head of the log. README.txt says how anybody checks that with OpenSSL"
        " and Python's standard library alone.",
        BODY,
    )
