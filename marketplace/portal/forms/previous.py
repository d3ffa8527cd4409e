"""Starting a new version from the one before: what it says, one version higher, and the files that may stay."""

from collections.abc import Iterable, Sequence
from typing import Any

from assets.models import Upload
from marketplace.catalog.models import Release
from marketplace.catalog.rules import version_key
from marketplace.intake.models import Submission
from marketplace.intake.rules import read_pack
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.ready import READY
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


def is_carried(offer: Offer) -> bool:
    """This will tell whether the publish form can say an offer: ready-made terms at a price that is paid once."""
    return offer.model == "one-off" and offer.terms.name in READY


def start_from(
    release: Release, offers: Iterable[Offer], shares: Sequence[tuple[Creator, int]], creator: Creator
) -> dict[str, Any]:
    """This will pre-fill the publish form from a release, its live offers with their prices and its split's shares.

    The makers' shares are those of the split, unless other works take part of it: then the form starts with none,
    since the makers' own cannot be told apart in the folded split.
    """
    parents = list(release.parents.all())
    is_theirs = release.pack.creator_id != creator.pk
    named = str(release.pack) if is_theirs else release.pack.handle
    makers = [] if parents or [payee for payee, _ppb in shares] == [creator] else shares
    return {
        "details": {
            "base": named,
            "kind": release.pack.kind,
            "handle": named,
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
        "parents": [
            {"release": str(link.parent), "share": words.percent_input(link.share_ppb), "mode": link.mode}
            for link in parents
        ],
        "offers": {
            offer.terms.name: {
                "price": format_amount(offer.regular_minor, offer.currency),  # type: ignore[attr-defined]
                "currency": offer.currency,
            }
            for offer in offers
            if is_carried(offer)
        },
    }


def start_again(submission: Submission, uploads: Iterable[Upload]) -> dict[str, Any]:
    """This will pre-fill the publish form with what was handed in before, and with those of its files that are here.

    A file is known again by its path and its bytes.
    """
    draft, offers = read_pack(submission.pack)
    here = {(upload.name, upload.sha256): str(upload.pk) for upload in uploads}
    found = {row.path: here.get((row.path, row.sha256)) for row in submission.files.all()}
    named: dict[str, list[str]] = {"cover": [], "previews": [], "content": []}
    for file in draft.files:
        field = "cover" if file.path == draft.cover else "previews" if file.role == "preview" else "content"
        named[field] += [pk] if (pk := found.get(file.path)) else []
    return {
        "details": {
            "kind": draft.kind,
            "handle": f"{draft.of}/{draft.handle}" if draft.of else draft.handle,
            "version": draft.version,
            "title_en": draft.title.get("en", ""),
            "title_zh": draft.title.get("zh-Hans", ""),
            "summary_en": draft.summary.get("en", ""),
            "summary_zh": draft.summary.get("zh-Hans", ""),
            "tags": ", ".join(draft.tags),
            "base_model": draft.base_model,
            "made_by": draft.made_by,
            "ai_training": draft.ai_training,
        },
        "elements": [
            {
                "name": element.name,
                "kind": element.kind,
                "title_en": element.title.get("en", ""),
                "title_zh": element.title.get("zh-Hans", ""),
                "files": "\n".join(element.files),
                "triggers": "\n".join(element.triggers),
            }
            for element in draft.elements
        ],
        "shares": [{"creator": handle, "share": words.percent_input(share)} for handle, share in draft.split.items()],
        "parents": [
            {"release": parent.reference, "share": words.percent_input(parent.share_ppb), "mode": parent.mode}
            for parent in draft.derived_from
        ],
        "offers": {
            row.terms: {"price": row.price, "currency": row.currency}
            for row in offers
            if isinstance(row.terms, str) and row.model == "one-off"
        },
        "uploads": named,
    }
