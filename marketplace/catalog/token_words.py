"""What pages and programs are told about the token of a release, in plain words."""

from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import Suite, checked
from marketplace.catalog import token_queries
from marketplace.catalog.models import Release
from marketplace.catalog.token_queries import CONTRACT, Disagreement, TokenState
from marketplace.ui import onchain
from marketplace.ui.formats import Names, percent_text, say

STEPS: Names = {
    "none": gettext_lazy("No token"),
    "asked": gettext_lazy("Asked for"),
    "ready": gettext_lazy("Waits for the wallet"),
    "signed": gettext_lazy("Being made"),
    "refused": gettext_lazy("Refused by the contract"),
    "made": gettext_lazy("On chain"),
}
SENTENCES: Names = {
    "none": gettext_lazy(
        "Nobody has made a token of this release. It needs none: the log proves it, and a license is yours without one."
    ),
    "asked": gettext_lazy("The owner asked for a token. It can be made once the log's entry is anchored on chain."),
    "ready": gettext_lazy(
        "The log's entry is anchored on chain. The token is made when the owner's wallet has signed."
    ),
    "signed": gettext_lazy("The owner's wallet has signed. The chain makes the token now."),
    "refused": gettext_lazy("The chain refused the token. Its owner may have it made again."),
    "made": gettext_lazy(
        "This release is a token, made from its entry in the log. It goes along when the pack is handed over; nobody's"
        " license hangs on it."
    ),
}
_TONES = {"asked": "waiting", "ready": "waiting", "signed": "sent", "refused": "refused", "made": "confirmed"}


def token_id(release: Release) -> int:
    """This will give the token's number: the digest of the release's manifest."""
    return int(release.digest, 16)


def short(digest: str) -> str:
    """This will write a digest so that one tells it from others at a glance."""
    return f"{digest[:8]}…{digest[-8:]}"


def said_of(release: Release, *, now: datetime) -> dict[str, Any] | None:
    """This will gather what a page says of a release's token: `state`, `panel`, `sentence`, `wrong`.

    None where no chain is set up, or nothing of it can be read.
    """
    try:
        place = token_queries.token_place()
    except ChainUnavailable:
        return None
    if place is None:
        return None
    state = token_queries.state_of(release)
    wrong = token_queries.disagreement_about(release, now=now) if state.step == "made" else None
    return {
        "state": state,
        "step": state.step,
        "chain_id": place[0].chain_id,
        "panel": panel(release, state, place[0], wrong),
        "sentence": say(SENTENCES, state.step),
        "wrong": wrong,
    }


def panel(release: Release, state: TokenState, suite: Suite, wrong: Disagreement | None) -> dict[str, Any]:
    """This will write the panel about a token as `<c-onchain>` takes it."""
    ask = state.ask
    contract = state.made.event.address if state.made else suite.address(CONTRACT)
    rows: list[tuple[str, Any]] = []
    if state.step == "made":
        rows.append((_("Token number"), _number(release, contract)))
        rows.append((_("Owner by the log"), release.pack.owner.display_name))
        rows.append((_("Held by the wallet"), _address(state.holder)))
    elif ask is not None:
        rows.append((_("For the wallet"), _address(ask.wallet)))
    if ask is not None:
        royalty = _("%(percent)s, to everybody in the release's split") % {"percent": percent_text(ask.bps * 100_000)}
        rows.append((_("Royalty asked of later sales"), royalty))
    label = _("Owner and holder differ") if wrong else say(STEPS, state.step)
    return onchain.panel(
        chain_id=suite.chain_id,
        contracts=[(CONTRACT, contract)],
        standing=state.standing,
        gas="platform" if state.signing is not None else "",
        rows=rows,
        state="refused" if wrong else _TONES.get(state.step, "none"),
        state_label=label,
    )


def _number(release: Release, contract: str) -> Any:
    shown = short(release.digest)
    href = onchain.link("token", f"{contract}?a={token_id(release)}")
    if href:
        return format_html('<a class="mono" href="{}" rel="noopener">{}</a>', href, shown)
    return format_html('<span class="mono" title="{}">{}</span>', f"0x{release.digest}", shown)


def _address(address: str) -> Any:
    return format_html('<span class="mono">{}</span>', checked(address))


def as_document(release: Release, *, now: datetime) -> dict[str, Any]:
    """This will write how far a release's token is, for programs (`GET /api/v1/releases/<digest>/token`)."""
    try:
        place, state = token_queries.token_place(), token_queries.state_of(release)
    except ChainUnavailable:
        place, state = None, TokenState("none")  # nothing can be said of the contracts now
    ask, standing = state.ask, state.standing
    contract = state.made.event.address if state.made else place[0].address(CONTRACT) if place else None
    wrong = token_queries.disagreement_about(release, now=now) if state.step == "made" else None
    return {
        "release": release.digest,
        "step": state.step,
        "token_id": str(token_id(release)),
        "chain_id": place[0].chain_id if place else None,
        "contract": contract,
        "owner": release.pack.owner.handle,
        "holder": checked(state.holder) if state.holder else None,
        "wallet": checked(ask.wallet) if ask else None,
        "royalty_bps": ask.bps if ask else None,
        "split": release.split_id,
        "entry": ask.entry.digest if ask else None,
        "leaf": token_queries.leaf_of(ask).hex() if ask else None,
        "transaction": standing.transaction if standing else None,
        "confirmations": standing.confirmations if standing else None,
        "disagreement": wrong.why if wrong else None,
    }
