"""What kinds, licenses, shares and states are called in the portal, and how shares are read."""

import re
from collections.abc import Iterable

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assets.models import PreviewImage
from marketplace.catalog.words import BASE_MODELS as KNOWN_BASE_MODELS
from marketplace.catalog.words import ELEMENT_NAMES as ELEMENT_NAMES
from marketplace.catalog.words import PACK_KINDS as PACK_KINDS
from marketplace.licensing.words import TERMS as TERMS
from marketplace.licensing.words import summary_text as summary_text
from marketplace.payouts.queries import Line, PaidOut
from marketplace.payouts.rules import MAX_AMOUNT_MINOR, WHOLE_PPB, Money
from marketplace.payouts.splitting import ABSOLUTE, RELATIVE
from marketplace.ui import formats
from marketplace.ui.formats import Names
from marketplace.ui.formats import percent_text as percent_text
from marketplace.ui.formats import say as say

BASE_MODELS: Names = {"": gettext_lazy("None, or any"), **KNOWN_BASE_MODELS}

MADE_BY: Names = {
    "human": gettext_lazy("People, without generated parts"),
    "ai-assisted": gettext_lazy("People, with help of AI"),
    "ai": gettext_lazy("AI, directed by people"),
}
AI_TRAINING: Names = {
    "not-allowed": gettext_lazy("No, nobody may train models with it"),
    "with-license": gettext_lazy("Yes, those whose license says so"),
}
SHARE_MODES: Names = {
    RELATIVE: gettext_lazy("Relative: a part of what this pack earns, also where others build on it."),
    ABSOLUTE: gettext_lazy(
        "Absolute: a part of every sale, of this pack and of all that is ever built on it, paid first."
    ),
}
PAYOUT_STATES: Names = {
    "open": gettext_lazy("Being sent"),
    "sent": gettext_lazy("Sent"),
    "paid": gettext_lazy("Paid"),
    "failed": gettext_lazy("Failed, the money is back in your balance"),
    "returned": gettext_lazy("Came back, the money is in your balance again"),
}
SUBMISSION_STATES: Names = {
    "waiting": gettext_lazy("Being inspected"),
    "unfinished": gettext_lazy("Not finished"),
    "refused": gettext_lazy("Refused"),
    "held": gettext_lazy("Held"),
    "to-sign": gettext_lazy("Waits for your signature"),
    "published": gettext_lazy("Published"),
    "withdrawn": gettext_lazy("Taken back"),
}
SUBMISSION_TONES = {
    "waiting": "accent",
    "unfinished": "warn",
    "refused": "bad",
    "held": "warn",
    "to-sign": "accent",
    "published": "",
    "withdrawn": "",
}
INSPECTION_STATES: Names = {
    "waiting": gettext_lazy("Waiting for inspection"),
    "unfinished": gettext_lazy("Not finished"),
    "passed": gettext_lazy("Passed"),
    "refused": gettext_lazy("Refused"),
}
INSPECTION_TONES = {"waiting": "accent", "unfinished": "warn", "passed": "", "refused": "bad"}
RELATIONS: Names = {
    "same-bytes": gettext_lazy("The same file"),
    "same-weights": gettext_lazy("The same weights"),
    "derived-weights": gettext_lazy("Weights made from these"),
    "merged-weights": gettext_lazy("Weights merged from these"),
    "same-picture": gettext_lazy("The same picture"),
    "same-prompts": gettext_lazy("The same prompts"),
    "reported": gettext_lazy("Reported by hand"),
    "declared": gettext_lazy("Named as a source"),
}
LIKENESS_OUTCOMES: Names = {
    "own": gettext_lazy("Your own earlier work"),
    "confirmed": gettext_lazy("Confirmed: you named it as a source"),
    "cleared": gettext_lazy("A claim about it was settled for you"),
    "explained": gettext_lazy("Explained by an earlier work"),
    "claimed": gettext_lazy("Somebody else published it first"),
    "unseen": gettext_lazy("Nothing of it was found in the weights"),
}
CLAIM_EVENTS: Names = {
    "opened": gettext_lazy("Claim opened"),
    "countered": gettext_lazy("Counter-notice"),
    "maintained": gettext_lazy("Claim maintained"),
    "accepted": gettext_lazy("Accepted by the other side"),
    "withdrawn": gettext_lazy("Withdrawn by the claimant"),
    "upheld": gettext_lazy("Upheld"),
    "dismissed": gettext_lazy("Dismissed"),
}
CLAIM_WAITS: Names = {
    "respondent": gettext_lazy("Waits for a counter-notice"),
    "claimant": gettext_lazy("Waits for the claimant"),
    "operator": gettext_lazy("Waits for a decision"),
    "": gettext_lazy("Ended"),
}
PRICE_MODELS: Names = {
    "one-off": gettext_lazy("Once"),
    "per-seat": gettext_lazy("Once, for each seat"),
    "monthly": gettext_lazy("A month, for each seat"),
    "yearly": gettext_lazy("A year, for each seat"),
    "metered": gettext_lazy("By use that is reported"),
    "revenue-share": gettext_lazy("A share of revenue that is reported"),
    "free": gettext_lazy("Free"),
    "pay-what-you-want": gettext_lazy("What the buyer wants, from the price on"),
    "on-request": gettext_lazy("On request"),
}
PRICE_KINDS: Names = {
    "regular": gettext_lazy("Regular price"),
    "sale": gettext_lazy("Sale"),
    "early-bird": gettext_lazy("Early bird"),
}
LINE_TONES = {"disputed": "warn", "reversed": "bad"}

_PERCENT = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,7}))?")
CARD_WIDTH = 480


def parse_percent(text: str) -> int | None:
    """This will read a percentage with up to 7 decimals as parts per billion, exactly: `12.5` is 125 000 000.

    None for anything else: a sign, a group, an eighth decimal, more than 100.
    """
    match = _PERCENT.fullmatch(text.strip().removesuffix("%").rstrip())
    if match is None:
        return None
    share_ppb = int(match[1]) * 10_000_000 + int((match[2] or "").ljust(7, "0"))
    return share_ppb if share_ppb <= WHOLE_PPB else None


def percent_input(share_ppb: int) -> str:
    """This will write parts per billion as `parse_percent` reads it: 12.5."""
    whole, rest = divmod(share_ppb, 10_000_000)
    return f"{whole}.{rest:07d}".rstrip("0").rstrip(".")


def price_text(model: str, price: Money, unit: str = "", share_ppb: int = 0) -> str:
    """This will say a price by what it is for: “$3.00 a month for a seat”."""
    amount = formats.money_text(price.amount_minor, price.currency)
    match model:
        case "free":
            return _("Free")
        case "on-request":
            return _("Price on request")
        case "metered":
            return _("%(price)s × %(unit)s") % {"price": amount, "unit": unit}
        case "revenue-share":
            share = percent_text(share_ppb)
            if price.amount_minor:
                return _("%(price)s and %(share)s of revenue") % {"price": amount, "share": share}
            return _("%(share)s of revenue") % {"share": share}
        case "pay-what-you-want":
            return _("From %(price)s, as the buyer wants") % {"price": amount}
    if not price.amount_minor:
        return _("Free")
    template = {
        "per-seat": _("%(price)s for a seat"),
        "monthly": _("%(price)s a month for a seat"),
        "yearly": _("%(price)s a year for a seat"),
    }.get(model, "%(price)s")
    return template % {"price": amount}


def net_text(net_minor: int, currency: str) -> str:
    """This will write what is left to a creator, or nothing for an amount that no book can hold."""
    return formats.money_text(net_minor, currency) if net_minor <= MAX_AMOUNT_MINOR else ""


def line_state(line: Line) -> str:
    """This will say where the money of a royalty line is, and since or until when."""
    if line.state == "paid" and line.paid_at:
        return _("Paid on %(day)s") % {"day": formats.date_text(line.paid_at)}
    if line.state == "pending":
        return _("Pending until %(day)s") % {"day": formats.date_text(line.available_at)}
    return {
        "available": _("Available, in the next payout"),
        "on-the-way": _("On its way to you"),
        "on-chain": _("On chain, for you to claim"),
        "disputed": _("On hold: the buyer's bank disputes it"),
        "reversed": _("Taken back by the buyer's bank"),
    }.get(line.state, line.state)


def payout_state(payout: PaidOut) -> str:
    """This will say what became of a payout."""
    return say(PAYOUT_STATES, payout.state)


def cover(previews: Iterable[PreviewImage]) -> dict[str, str]:
    """This will give the addresses of a cover's images, as `c-cover` takes them: `src`, `srcset`; empty without any."""
    images = sorted((one for one in previews if one.media_type == PreviewImage.WEBP), key=lambda one: one.width)
    if not images:
        return {"src": "", "srcset": ""}
    named = [(image.width, reverse("preview", args=[image.blob_id])) for image in images]
    src = next((address for width, address in named if width >= CARD_WIDTH), named[-1][1])
    return {"src": src, "srcset": ", ".join(f"{address} {width}w" for width, address in named)}
