"""What is in a bundle of evidence, file by file (docs/formats/dispute-evidence.md)."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import rfc8785
from django.conf import settings

from marketplace.checkout.disputes import Dispute
from marketplace.checkout.evidence import facts as facts_of
from marketplace.checkout.evidence import openssl
from marketplace.checkout.evidence.cover import cover_pdf
from marketplace.checkout.evidence.readme import readme
from marketplace.checkout.evidence.texts import texts_of
from marketplace.checkout.papers.paper import paper_pdf
from marketplace.checkout.papers.queries import papers_of
from marketplace.licensing import archives, bundles, papers
from marketplace.licensing.models import Grant
from marketplace.ui.sheets import lines_of

COVER, FACTS, TEXTS, SUMS = "cover.pdf", "facts.json", "texts.json", "SHA256SUMS"
LEFT_OUT = {"README.txt", "bundle.json"}
"""Of the papers of a license: what speaks of its files, which are not sent to banks."""


@dataclass(frozen=True, slots=True)
class Members:
    """The files of a bundle by name; `is_proven` where each license has its proofs of the log."""

    files: Mapping[str, bytes]
    is_proven: bool

    def zip(self, dispute: Dispute) -> bytes:
        """This will give the bytes of the ZIP: the same files give the same bytes."""
        return b"".join(archives.streamed(sorted(self.files.items()), dispute.opened_at))


def members_of(dispute: Dispute) -> Members:
    """This will gather what a bank is shown of a dispute, as it is known now.

    The same facts under the same checkpoint of the log give the same bytes.
    """
    said = facts_of.gather(dispute)
    covered = facts_of.licenses_of(dispute)
    downloads = {str(one.grant.pk): list(facts_of.downloads_of(one.grant)) for one in covered}
    files, is_proven = {}, True
    for one in covered:
        own, proven = _license(one.grant)
        is_proven &= proven
        own["downloads.csv"] = _csv(
            ("at", "by"), ((facts_of.moment(at), by) for at, by in downloads[str(one.grant.pk)])
        )
        files |= {f"licenses/{one.grant.pk}/{name}": content for name, content in own.items()}
    files |= _order_papers(dispute)
    files[FACTS] = rfc8785.dumps(said)
    listed = {key: [(facts_of.moment(at), by) for at, by in rows] for key, rows in downloads.items()}
    files[COVER] = cover_pdf(said, listed, _digest(files[FACTS]))
    files[TEXTS] = rfc8785.dumps(texts_of(said, downloads))
    files["README.txt"] = readme(dispute.charge_reference, settings.SITE_URL).encode()
    files[SUMS] = "".join(f"{_digest(content)}  {name}\n" for name, content in sorted(files.items())).encode()
    return Members(files, is_proven)


def _license(grant: Grant) -> tuple[dict[str, bytes], bool]:
    """Gathers a license's papers with proofs where the log has it, and without them where not yet, or where whoever
    holds it was erased."""
    found: dict[str, bytes] = {
        "terms.en.txt": grant.terms.text_en.encode(),
        "terms.json": bytes(grant.terms.document),
        "files.csv": _files(grant),
    }
    if not grant.certificate:
        return found, True  # nothing that comes later brings them back
    found["certificate.jws"] = grant.certificate.encode()
    with contextlib.suppress(papers.UnableToPrint):  # where words and signature differ, the signed text stands alone
        found["certificate.pdf"] = papers.certificate_pdf(grant, settings.SITE_URL)
    try:
        proofs = bundles.papers_of(grant, site=settings.SITE_URL)
    except bundles.ProofPending:
        return found, False
    kept = {name: content for name, content in proofs.items() if name not in LEFT_OUT}
    return found | kept | openssl.of_papers(proofs), True


def _files(grant: Grant) -> bytes:
    listed = json.loads(bytes(grant.release.manifest))["assets"]
    return _csv(
        ("path", "sha256", "size_bytes"), ((one["path"], one["sha256"], str(one["size_bytes"])) for one in listed)
    )


def _order_papers(dispute: Dispute) -> dict[str, bytes]:
    """Gathers invoices, receipts and credit notes of the order: as they were written, and in English on paper."""
    found: dict[str, bytes] = {}
    for one in papers_of(dispute.order):
        document, name = one.document.encode(), one.name.replace("/", "-")
        found[f"papers/{name}.json"] = document
        found[f"papers/{name}.pdf"] = paper_pdf(document, language="en")
    return found


def _csv(columns: tuple[str, ...], rows: Iterable[Iterable[str]]) -> bytes:
    return "".join(lines_of(columns, rows)).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
