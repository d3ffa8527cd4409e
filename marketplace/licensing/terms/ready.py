"""Ready-made terms: ours, and the public licenses that artists know."""

from collections.abc import Mapping
from dataclasses import replace

from marketplace.licensing.terms.model import EVERYTHING, UNLIMITED_DEPTH, UNLIMITED_SEATS, Terms

_ANYWHERE = Terms(name="any", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING)
_OPEN = replace(
    _ANYWHERE,
    derivatives="share",
    ai_training="share",
    redistribution="raw",
    seats=UNLIMITED_SEATS,
    sublicense_depth=UNLIMITED_DEPTH,
    transferable=True,
    output_owner="licensee",
)

# The use restrictions of Attachment A of the CreativeML Open RAIL-M license, which pass on to everything made with it.
OPENRAIL_BANNED = frozenset(
    {
        "automated-decisions",
        "crime",
        "deception",
        "defamation",
        "discrimination",
        "harassment",
        "harm-to-minors",
        "law-enforcement",
        "medical-advice",
        "privacy-violation",
    }
)

READY: Mapping[str, Terms] = {
    "personal": replace(_ANYWHERE, name="personal", derivatives="private", output_owner="licensee"),
    "studio": replace(
        _ANYWHERE,
        name="studio",
        commercial="limited",
        revenue_cap_usd=1_000_000,
        derivatives="private",
        ai_training="own",
        redistribution="in-product",
        seats=30,
        output_owner="licensee",
    ),
    "enterprise": replace(
        _ANYWHERE,
        name="enterprise",
        commercial="full",
        derivatives="share",
        ai_training="own",
        redistribution="in-product",
        seats=UNLIMITED_SEATS,
        sublicense_depth=1,
        transferable=True,
        credit_required=False,
        output_owner="licensee",
    ),
    "exclusive": replace(
        _ANYWHERE,
        name="exclusive",
        commercial="full",
        derivatives="share",
        redistribution="in-product",
        seats=UNLIMITED_SEATS,
        sublicense_depth=1,
        transferable=True,
        exclusive=True,
        duration_days=365,
        output_owner="licensee",
    ),
    "cc-by-4.0": replace(_OPEN, name="cc-by-4.0", commercial="full"),
    "cc-by-nc-4.0": replace(_OPEN, name="cc-by-nc-4.0"),
    "cc0-1.0": replace(_OPEN, name="cc0-1.0", commercial="full", credit_required=False),
    "openrail-m": replace(_OPEN, name="openrail-m", commercial="full", credit_required=False, banned=OPENRAIL_BANNED),
}
