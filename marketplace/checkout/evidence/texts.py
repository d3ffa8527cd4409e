"""What goes into the fields of a gateway's form about a dispute, within its limits.

The fields are named as Stripe names them; each text has at most 20,000 characters and all together 150,000.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from marketplace.checkout.evidence.facts import moment
from marketplace.payouts.rules import format_amount

TEXT_LIMIT, TEXTS_LIMIT = 20_000, 150_000
FILE_LIMIT_BYTES, FILES_LIMIT_BYTES = 5 * 1024**2, 4_500_000
"""Of one file, and of all together; Stripe's documents say 5 MB of a file and 4.5 MB of all."""


def texts_of(facts: Mapping[str, Any], downloads: Mapping[str, Iterable[tuple[datetime, str]]]) -> dict[str, str]:
    """This will write the texts, by field, from the facts of a dispute and the downloads of each license by its id.

    A text that would be too long is cut, and says how much is left out. Fields about which nothing is known are not
    there.
    """
    texts = {
        "product_description": _product(facts),
        "customer_name": f"{facts['buyer']['name']}, {facts['studio']['name']}",
        "customer_email_address": facts["buyer"]["email"],
        "billing_address": facts["studio"]["country"],
        "service_date": _service_date(facts["licenses"]),
        "access_activity_log": _access(facts["licenses"], downloads),
        "refund_policy_disclosure": _refunds(facts),
        "uncategorized_text": _story(facts),
    }
    cut = {field: clipped(text, TEXT_LIMIT) for field, text in texts.items() if text}
    assert sum(map(len, cut.values())) <= TEXTS_LIMIT
    return cut


def clipped(text: str, limit: int) -> str:
    """This will cut a text after a whole line so that it fits, and say how many lines are left out."""
    if len(text) <= limit:
        return text
    lines, kept, size = text.split("\n"), [], 0
    room = limit - 80
    for line in lines:
        if size + len(line) + 1 > room:
            break
        kept.append(line)
        size += len(line) + 1
    if not kept:
        return lines[0][: limit - 1] + "…"
    return "\n".join([*kept, f"… and {len(lines) - len(kept)} more lines, which are in the attached papers."])


def money(amount_minor: int, currency: str) -> str:
    """This will write an amount as 50.00 USD."""
    return f"{format_amount(amount_minor, currency)} {currency}"


def _product(facts: Mapping[str, Any]) -> str:
    return "\n".join(_lines(facts))


def _lines(facts: Mapping[str, Any]) -> Iterator[str]:
    currency = facts["order"]["currency"]
    yield (
        "Licenses of digital works (art, models and scenes for film and games), delivered for download at once after"
        " payment:"
    )
    for line in facts["lines"]:
        what = "Use reported under the license of" if line["kind"] == "usage" else "License of"
        yield (
            f"- {what} “{line['title']}” ({line['pack']} {line['version']}) under the terms “{line['terms']['name']}”"
            f" (SHA-256 {line['terms']['sha256']}), {money(line['price_minor'], currency)}"
        )


def _service_date(licenses: Sequence[Mapping[str, Any]]) -> str:
    dates = sorted({one["granted_at"][:10] for one in licenses})
    return ", ".join(dates[:5])


def _access(licenses: Sequence[Mapping[str, Any]], downloads: Mapping[str, Iterable[tuple[datetime, str]]]) -> str:
    rows: list[str] = []
    for one in licenses:
        told = one["downloads"]
        rows.append(f"License {one['id']} of {one['pack']} {one['version']}, granted {one['granted_at']}:")
        if not told["count"]:
            rows.append("No download is recorded.")
        else:
            rows.append(f"{told['count']} downloads from {told['first_at']} to {told['last_at']}, all times UTC:")
        rows += [f"{moment(at)} downloaded by {by}" for at, by in downloads.get(one["id"], ())]
        for name, what in (("reported_uses", "reports of use"), ("uses_of_recipes", "signed uses in recipes")):
            if one[name]:
                rows.append(f"{one[name]} {what} are recorded.")
    return "\n".join(rows)


def _refunds(facts: Mapping[str, Any]) -> str:
    shown = (
        "The page of the order shows the price, what the terms of each license allow, and leads to their full text"
        " before the buyer orders. What was refunded of this order:"
    )
    currency = facts["order"]["currency"]
    rows = [
        f"- {money(one['amount_minor'], currency)}, asked {one['asked_at']}: {one['state']}" for one in facts["refunds"]
    ]
    return "\n".join([shown, *(rows or ["- nothing"])])


def _story(facts: Mapping[str, Any]) -> str:
    order, dispute, studio = facts["order"], facts["dispute"], facts["studio"]
    card = order["card"]
    paid_with = f" with the {card['brand'] or 'card'} ending in {card['last4']}" if card else ""
    rows = [
        f"{facts['buyer']['name']} ({facts['buyer']['email']}), whose account is there since"
        f" {facts['buyer']['account_since']}, ordered for {studio['name']} on {order['placed_at']} and paid"
        f" {money(order['total_minor'], order['currency'])} on {order['paid_at']}{paid_with}.",
        f"The dispute {dispute['reference']} is about {money(dispute['amount_minor'], dispute['currency'])} of it.",
    ]
    for one in facts["licenses"]:
        rows.append(
            f"The license {one['id']} was granted to {one['licensee']} on {one['granted_at']}, with a signed"
            f" certificate (SHA-256 {one['certificate'] or 'erased'}) that is an entry of a public log since then."
        )
        told = one["downloads"]
        if told["count"]:
            rows.append(f"Its files were downloaded {told['count']} times, the first time on {told['first_at']}.")
    if studio["other_orders_paid"]:
        rows.append(f"The same customer paid {studio['other_orders_paid']} other orders here without a dispute.")
    rows.append("The attached papers show each of this, with proofs that anybody can check without trusting us.")
    return "\n".join(rows)
