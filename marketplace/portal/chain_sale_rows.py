"""What was sold on a chain of works that a creator shares in, and what they took out of the vault there."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from marketplace.catalog.models import Release
from marketplace.payouts.models import SplitShare, VaultMove
from marketplace.payouts.queries import shares_of
from marketplace.payouts.rules import allocate
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.ui import onchain
from marketplace.ui.currencies import ISO_4217

MOST = 20
_RELEASE = "release:"


def chain_sales_of(creator: Creator) -> dict[str, Any]:
    """This will list the newest sales and payments on the chain, and the newest withdrawals of a creator.

    The part is of the one sale, by the split, in the token's units. The vault divides what lies in its pot, of one sale
    or of many, so that what is withdrawn may be a unit of the token more or less.
    """
    shares = dict(SplitShare.objects.filter(payee=creator).values_list("split_id", "share_ppb"))
    came = list(VaultMove.objects.filter(flow=VaultMove.IN, split_digest__in=list(shares)).order_by("-id")[:MOST])
    went = VaultMove.objects.filter(flow=VaultMove.OUT, payee=creator.pk).order_by("-id")[:MOST]
    releases = _releases(came)
    return {
        "sales": [_sale(move, creator, shares[move.split_digest], releases) for move in came],
        "taken": [
            {"move": move, "amount": coins(move.amount_units, move), "link": onchain.link("tx", move.chain_transaction)}
            for move in went
        ],
    }


def _releases(moves: Iterable[VaultMove]) -> dict[str, Release]:
    digests = {move.subject.removeprefix(_RELEASE) for move in moves if move.subject}
    found = Release.objects.filter(digest__in=digests).select_related("pack__creator") if digests else []
    return {_RELEASE + release.digest: release for release in found}


def _sale(move: VaultMove, creator: Creator, share_ppb: int, releases: dict[str, Release]) -> dict[str, Any]:
    net = int(move.amount_units - move.fee_units)
    release = releases.get(move.subject)
    # A sale that paid another split than the release's is none of it, whatever the market said.
    is_of_it = release is not None and release.split_id == move.split_digest
    parts = dict(allocate(net, [(payee.pk, share) for payee, share in shares_of(move.split_digest)]))
    return {
        "move": move,
        "release": release if is_of_it else None,
        "share": words.percent_text(share_ppb),
        "net_minor": move.amount_minor - move.fee_minor,
        "part": coins(parts[creator.pk], move),
        "link": onchain.link("tx", move.chain_transaction),
    }


def coins(units: int | Decimal, move: VaultMove) -> str:
    """This will write an amount of a token with its symbol: `12.5937 tUSD`."""
    minor_digits = len(str(move.unit)) - 1
    digits = minor_digits + ISO_4217.get(move.currency, 2)
    amount = Decimal(int(units)).scaleb(-digits)
    return f"{amount:,f}\N{NO-BREAK SPACE}{move.detail.removeprefix('vault:')}"
