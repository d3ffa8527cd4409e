"""Admitting files: inspect them, then keep all of them or none."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import ngettext

import ledger.operations
from assets.inspectors.base import Finding, Inspection
from assets.keeping import storing
from assets.keeping.inspecting import examine
from assets.keeping.receiving import Received
from assets.models import Asset, Fingerprint
from assets.originality.base import Print
from marketplace.ui.formats import sentence

_FINGERPRINTS_AT_ONCE = 500


class UnableToAdmit(Exception):
    """At least one file did not pass; none was stored."""

    code = "file-refused"

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(tuple(findings))
        self.findings = tuple(findings)

    def __str__(self) -> str:
        first, more = sentence(self.findings[0]), len(self.findings) - 1
        if not more:
            return first
        return ngettext("%(first)s (and %(more)d more finding)", "%(first)s (and %(more)d more findings)", more) % {
            "first": first,
            "more": more,
        }


def admit(*, received: Sequence[Received], now: datetime) -> list[Asset]:
    """Inspect the files, take their fingerprints and keep all of them, or none; return their assets in that order.

    Bytes that are kept already are not stored again. Each asset is stated in the ledger once. Raise
    UnableToAdmit with every finding about every file, UnableToStore when storage fails.
    """
    found = examine(received)
    if findings := [finding for examined in found for finding in examined.findings]:
        raise UnableToAdmit(findings)
    files = [(file, one.inspection) for file, one in zip(received, found, strict=True) if one.inspection]
    return keep(files=files, fingerprints=[one.prints for one in found], now=now)


def keep(
    *, files: Sequence[tuple[Received, Inspection]], fingerprints: Sequence[Sequence[Print]], now: datetime
) -> list[Asset]:
    """Store the blobs, then the rows, then the facts; in the order of digests, so that no two wait in a ring.

    `fingerprints` are those of each file, in the order of `files`: what is kept is found again.
    """
    keys = [(file.sha256, inspection.media_type) for file, inspection in files]
    prints = dict(zip(keys, fingerprints, strict=True))
    ordered = sorted(files, key=lambda pair: (pair[0].sha256, pair[1].media_type))
    with transaction.atomic():
        storing.put([file for file, _inspection in ordered], now)
        Asset.objects.bulk_create(
            [
                Asset(
                    blob_id=file.sha256,
                    media_type=inspection.media_type,
                    facts=inspection.facts,
                    inspected_at=now,
                )
                for file, inspection in ordered
            ],
            ignore_conflicts=True,
        )
        for file, inspection in ordered:
            ledger.operations.state_once(
                type="asset",
                subject=f"asset:{file.sha256}",
                body={
                    "sha256": file.sha256,
                    "size_bytes": file.size_bytes,
                    "media_type": inspection.media_type,
                },
                now=now,
            )
        rows = Asset.objects.filter(blob_id__in={sha256 for sha256, _type in keys}).select_related("blob")
        found = {(asset.blob_id, asset.media_type): asset for asset in rows}
        Fingerprint.objects.bulk_create(
            [
                Fingerprint(asset=found[key], member=one.member, kind=one.kind, value=one.value)
                for key in sorted(prints)
                for one in sorted(prints[key], key=lambda one: (one.member, one.kind))
            ],
            batch_size=_FINGERPRINTS_AT_ONCE,
            ignore_conflicts=True,
        )
    return [found[key] for key in keys]
