"""Starting a new version from the one before: what it says, one version higher, and the files that may stay."""

from collections.abc import Iterable, Sequence
from typing import Any

from marketplace.catalog.models import Release
from marketplace.catalog.rules import version_key
from marketplace.licensing.models import Offer
from marketplace.payouts.rules import format_amount
from marketplace.people.models import Creator
from marketplace.portal import words
from marketplace.portal.forms.publication import Kept


def next_version(version: str) -> str:
    """This will raise the middle number of a version, which says "more, and nothing is lost": 1.4.2 becomes 1.5.0."""
    major, minor, _patch = version_key(version)
    return f"{major}.{minor + 1}.0"


def kept_files(release: Release) -> list[Kept]:
    """This will list the files of a release, in its order."""
    return [
        Kept(row.path, row.role, row.asset.blob_id, row.asset.blob.size_bytes, row.is_cover)
        for row in release.assets.all()
    ]


def start_from(
    release: Release, offers: Iterable[Offer], shares: Sequence[tuple[Creator, int]], creator: Creator
) -> dict[str, Any]:
    """This will pre-fill the publish form from a release, its live offers and the shares of its split.

    The makers' shares are those of the split, unless other works take part of it: then the form starts with none,
    since the makers' own cannot be told apart in the folded split.
    """
    parents = list(release.parents.all())
    makers = [] if parents or [payee for payee, _ppb in shares] == [creator] else shares
    return {
        "details": {
            "base": release.pack.handle,
            "kind": release.pack.kind,
            "handle": release.pack.handle,
            "version": next_version(release.version),
            "title_en": release.title.get("en", ""),
            "title_zh": release.title.get("zh-Hans", ""),
            "summary_en": release.summary.get("en", ""),
            "summary_zh": release.summary.get("zh-Hans", ""),
            "tags": ", ".join(release.tags),
            "base_model": release.base_model,
            "made_by": release.made_by,
            "ai_training": release.ai_training,
        },
        "elements": [
            {
                "name": element.name,
                "kind": element.kind,
                "title_en": element.title.get("en", ""),
                "title_zh": element.title.get("zh-Hans", ""),
                "files": "\n".join(element.paths),
                "triggers": "\n".join(element.triggers),
            }
            for element in release.elements.all()
        ],
        "shares": [{"creator": payee.handle, "share": words.percent_input(share_ppb)} for payee, share_ppb in makers],
        "parents": [{"release": str(link.parent), "share": words.percent_input(link.share_ppb)} for link in parents],
        "offers": {
            offer.terms.name: {"price": format_amount(offer.price_minor, offer.currency), "currency": offer.currency}
            for offer in offers
        },
    }
