"""A release's split as the contracts see it: its name, what lies in its pot, whose part is what, where royalties go."""

from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _

from ledger.chain.base import ChainUnavailable
from ledger.chain.suite import suite
from marketplace.catalog.models import Release
from marketplace.payouts import vault_queries
from marketplace.payouts.vault_queries import SplitOnChain, amount_text
from marketplace.people.models import Creator
from marketplace.ui import onchain
from marketplace.ui.formats import short_hash


def split_on_chain(release: Release) -> dict[str, Any] | None:
    """This will gather what the pack page says of its split on the chain; None where no contracts stand on one.

    A chain that does not answer within seconds is a sentence on the page, never a page that waits.
    """
    try:
        known = suite()
    except ChainUnavailable:
        return None
    if known is None:
        return None
    digest = str(release.split_id)
    contracts = [("SplitVault", known.address("SplitVault"))]
    rows = [(_("Split"), _short(digest))]
    try:
        found = vault_queries.split_on_chain(digest)
    except ChainUnavailable:
        away = _("The chain does not answer just now; what lies there stays where it is.")
        panel = onchain.panel(chain_id=known.chain_id, contracts=contracts, rows=rows, unavailable=away)
        return {"panel": panel, "parts": [], "differs": ""}
    pots = [(_("In its pot"), amount_text(pot.amount_units, pot.token)) for pot in found.pots]
    royalty = [(_("Royalties go to"), _address(found.receiver))]
    return {
        "panel": onchain.panel(chain_id=known.chain_id, contracts=contracts, rows=[*rows, *pots, *royalty]),
        "parts": _parts(found),
        "differs": "" if found.agrees else found.vault_digest or found.refusal,
    }


def _parts(found: SplitOnChain) -> list[dict[str, Any]]:
    """Name each payee's part of each pot that has something in it."""
    full = [pot for pot in found.pots if pot.amount_units]
    payees = {payee for pot in full for payee, _units in pot.parts_units}
    names = {one.pk: one for one in Creator.objects.filter(pk__in=payees)} if payees else {}
    return [
        {"payee": names[payee], "part": amount_text(units, pot.token)}
        for pot in full
        for payee, units in pot.parts_units
        if payee in names
    ]


def _short(digest: str) -> str:
    return format_html('<span class="mono small" title="{}">{}</span>', digest, short_hash(digest, 12))


def _address(address: str) -> str:
    link, shown = onchain.link("address", address), short_hash(address, 12)
    if link:
        return format_html('<a class="mono small" href="{}" rel="noopener" title="{}">{}</a>', link, address, shown)
    return format_html('<span class="mono small" title="{}">{}</span>', address, shown)
