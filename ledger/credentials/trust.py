"""Settings of the C2PA library, in the form of c2pa-rs 0.91, which ignores keys that it does not know.

So everything here is held by tests that look at what a wrong root does, not at what was set.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ledger.credentials import papers

if TYPE_CHECKING:
    import c2pa


def settings_for(*, platform_roots: str, creators_roots: str) -> dict[str, Any]:
    """Return settings that trust these roots alone (PEM): the first for claims, the second for identities.

    No thumbnail is made and nothing is fetched; what was signed is verified before it is given out.
    """
    usages = "".join(f"{oid}\n" for oid in papers.usages())
    anchors = [
        {
            "trust_anchors": roots,
            "trust_uri": f"urn:worldloom:{kind}",
            "trust_kind": kind,
            "trust_config": usages,
        }
        for kind, roots in (("manifest", platform_roots), ("cawg", creators_roots))
        if roots
    ]
    return {
        "version": 1,
        "trust": {"anchors": anchors},
        "verify": {
            "verify_after_reading": True,
            "verify_after_sign": True,
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }


@lru_cache(maxsize=8)
def context_for(*, platform_roots: str, creators_roots: str) -> "c2pa.Context":
    """Return the library's context with these settings; it is read only, so that all signing shares one."""
    import c2pa

    return c2pa.Context.from_dict(settings_for(platform_roots=platform_roots, creators_roots=creators_roots))
