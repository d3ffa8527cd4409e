"""The chain of proof as steps on a page: what happened, what is still pending, said as it is."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.catalog.models import Release
from marketplace.licensing.models import Grant
from marketplace.storefront.queries import Registered, Standing
from marketplace.ui import formats

Step = dict[str, Any]


def seal_steps(standing: Standing | None, log_address: str) -> list[Step]:
    """This will show the way of a statement into the log and onto the chain."""
    if standing is None or standing.index is None:
        return [
            {
                "title": _("Sealed into the public log"),
                "state": "pending",
                "detail": _("A few seconds after it was stated"),
            },
            {"title": _("Anchored on chain"), "state": "pending", "detail": _("After it is sealed")},
        ]
    sealed = {
        "title": _("Sealed into the public log as entry %(index)s") % {"index": formats.number_text(standing.index)},
        "at": standing.sealed_at,
        "hash": standing.entry.digest,
        "href": log_address,
    }
    anchor = standing.anchor
    if anchor is None:
        waiting = {"title": _("Anchored on chain"), "state": "pending", "detail": _("With the next anchor of the log")}
        return [sealed, waiting]
    anchored = {
        "title": _("Anchored on chain %(chain)s in block %(block)s")
        % {"chain": anchor.intent.chain_id, "block": formats.number_text(anchor.block_number)},
        "at": anchor.block_time,
        "hash": anchor.transaction,
    }
    return [sealed, anchored]


def release_steps(
    release: Release, files: int, known: Registered, standing: Standing | None, log_address: str
) -> list[Step]:
    """This will show a release's way: files registered, release stated, sealed, anchored."""
    text = ngettext("%(count)s file registered", "%(count)s files registered", files) % {"count": files}
    registered: Step = {"title": text, "at": known.first_at, "detail": _("inspected, then named by SHA-256")}
    if not known.stated:
        registered["state"] = "pending"
    stated: Step = {
        "title": _("Release %(version)s stated by %(creator)s")
        % {"version": release.version, "creator": release.pack.creator.display_name},
        "at": release.published_at,
        "hash": release.digest,
    }
    return [registered, stated, *seal_steps(standing, log_address)]


def grant_steps(grant: Grant, standing: Standing | None, log_address: str) -> list[Step]:
    """This will show a license's way: granted and signed, sealed, anchored."""
    granted: Step = {
        "title": _("Granted, certificate signed"),
        "at": grant.granted_at,
        "hash": grant.certificate_sha256,
    }
    return [granted, *seal_steps(standing, log_address)]


def statement_steps(standing: Standing, log_address: str) -> list[Step]:
    """This will show the way of any statement: stated, sealed, anchored."""
    stated: Step = {"title": _("Registered"), "at": standing.entry.stated_at}
    return [stated, *seal_steps(standing, log_address)]
