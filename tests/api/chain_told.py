"""What the addresses about contracts, tokens and sales on a chain answer and refuse."""

from typing import Any

from tests.api import recipes_told
from tests.api.studios import Market, Studio

NAMES = ["chain_read", "claims_read", "grants_chain", "offers_chain", "releases_token", "splits_read"]
OPEN = ("chain", "offers", "splits")
ZERO = recipes_told.ZERO


def chain_paths(market: Market, grant: str) -> dict[str, str]:
    """Where each thing is read."""
    return {
        "chain_read": "/chain",
        "claims_read": "/chain/claims/0x" + "a1" * 20,
        "grants_chain": f"/grants/{grant}/chain",
        "offers_chain": f"/offers/{market.offer().pk}/chain",
        "releases_token": f"/releases/{market.world.digest}/token",
        "splits_read": f"/splits/{market.world.split_id}",
    }


def chain_refusals(carol: Studio) -> list[tuple[str, int, Any]]:
    """Each with its operation and status."""
    return [
        ("claims_read", 422, carol.get("/chain/claims/1")),
        ("grants_chain", 404, carol.get(f"/grants/{ZERO}/chain")),
        ("offers_chain", 404, carol.get(f"/offers/{ZERO}/chain")),
        ("releases_token", 404, carol.get("/releases/" + "0" * 64 + "/token")),
        ("releases_token", 422, carol.get("/releases/1/token")),
        ("splits_read", 404, carol.get("/splits/" + "0" * 64)),
        ("splits_read", 422, carol.get("/splits/1")),
    ]
