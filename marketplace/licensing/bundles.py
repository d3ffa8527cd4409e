"""The download of a license: files, manifest, certificate and proofs in one zip (docs/formats/bundle.md)."""

import base64
import io
import json
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import rfc8785
from django.utils.translation import gettext as _

import assets.queries
import ledger.queries
from ledger.models import AnchorReceipt, Entry
from marketplace.licensing import rules
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import status_of

ZIP_VERSION = 1  # counts the changes of `_zip` that give other bytes for the same papers
README = """This bundle holds what you licensed, and the proof.

  pack      {pack} {version}
  licensee  {licensee}
  license   {grant}

Check it offline, with any Python 3.11 or newer and its package "cryptography":

  python verify.py {grant}.zip --key "{key}"

verify.py is one file that anyone may read: {site}/verify.py
The key of the log is published at {site}/log/
"""


class ProofPending(Exception):
    """The grant is not sealed into the log yet; ask again in a second."""

    code = "proof-pending"

    def __init__(self, grant: Grant) -> None:
        super().__init__(_("The proof of license %s is being sealed: ask again in a second.") % grant.pk)
        self.grant = grant


class NotDownloadable(Exception):
    """The license does not allow a download now."""

    code = "license-not-active"

    def __init__(self, grant: Grant, status: str) -> None:
        words = {
            GrantStatus.SUSPENDED: _("The license %s is suspended while its payment is disputed."),
            GrantStatus.REVOKED: _("The license %s is revoked, since its payment was taken back."),
        }
        super().__init__(words[status] % grant.pk)
        self.grant, self.status = grant, status


@dataclass(frozen=True)
class Bundle:
    """A bundle that is ready to be sent: its papers, by name, and the grant whose files follow them."""

    grant: Grant
    papers: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """A name for the very bytes of the zip: its papers fix them, since the manifest fixes the files."""
        moment = self.grant.granted_at.astimezone(UTC).isoformat()
        digests = {name: rules.digest(paper) for name, paper in self.papers.items()}
        return rules.digest(rfc8785.dumps({"zip": ZIP_VERSION, "granted_at": moment, "papers": digests}))

    def chunks(self) -> Iterator[bytes]:
        """This will give the bytes of the zip, in flat memory."""
        return _zip(self.grant, self.papers)


def prepare(grant: Grant, *, site: str) -> Bundle:
    """This will gather all but the files, and see that those are there: what can fail fails before the first byte.

    Raises ProofPending until release, grant and key are under one published checkpoint, NotDownloadable when the
    license is suspended or revoked, BlobMissing or BlobDamaged when storage lost a file.
    """
    if (status := status_of(grant)) != GrantStatus.ACTIVE:
        raise NotDownloadable(grant, status)
    bundle = Bundle(grant, _papers(grant, site))
    for asset in json.loads(bundle.papers["manifest.json"])["assets"]:
        assets.queries.open_blob(asset["sha256"]).close()
    return bundle


def stream(grant: Grant, *, site: str) -> Iterator[bytes]:
    """This will prepare a bundle and give its bytes."""
    return prepare(grant, site=site).chunks()


def _papers(grant: Grant, site: str) -> dict[str, bytes]:
    """Everything but the files, by name."""
    release, terms = grant.release, grant.terms
    kid = header_of(grant.certificate)["kid"]
    entries: dict[str, Entry | None] = {
        "release": _entry("release", f"release:{release.digest}"),
        "grant": _entry("grant", f"grant:{grant.pk}"),
        "key": ledger.queries.find_key(kid),
    }
    found = {name: entry for name, entry in entries.items() if entry is not None}
    proofs = ledger.queries.proofs_for(list(found.values())) if len(found) == len(entries) else None
    if proofs is None:
        raise ProofPending(grant)
    # Under an anchored checkpoint, where there is one: the chain vouches for the tree that the proofs lead to.
    receipt = ledger.queries.latest_anchor_covering(max(proof.index for proof in proofs))
    if receipt is not None:
        proofs = ledger.queries.proofs_for(list(found.values()), checkpoint=receipt.intent.checkpoint) or proofs
    key = str(ledger.queries.verifier_key())
    papers = {
        "manifest.json": bytes(release.manifest),
        "certificate.jws": grant.certificate.encode(),
        "terms.json": bytes(terms.document),
        "terms.en.txt": terms.text_en.encode(),
        "terms.zh-Hans.txt": terms.text_zh_hans.encode(),
        "licensee.json": rules.licensee_document(grant.licensee_name, grant.licensee_salt),
        "checkpoint": proofs[0].checkpoint.encode(),
        "log.vkey": (key + "\n").encode(),
        "README.txt": README.format(
            pack=release.pack,
            version=release.version,
            licensee=grant.licensee_name,
            grant=grant.pk,
            key=key,
            site=site,
        ).encode(),
    }
    for (name, entry), proof in zip(found.items(), proofs, strict=True):
        papers[f"entries/{name}.json"] = bytes(entry.body)
        papers[f"proofs/{name}.tlog-proof"] = proof.to_text().encode()
    if receipt is not None and proofs[0].checkpoint == receipt.intent.checkpoint.note:
        papers["anchor.json"] = _anchor(receipt)
    return papers


def header_of(certificate: str) -> dict[str, str]:
    """This will read the protected header of a certificate of ours (RFC 7515, section 4)."""
    encoded = certificate.partition(".")[0]
    header: dict[str, str] = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return header


def _entry(kind: str, subject: str) -> Entry | None:
    return next((entry for entry in ledger.queries.entries_about(subject) if entry.type == kind), None)


def _anchor(receipt: AnchorReceipt) -> bytes:
    intent = receipt.intent
    return rfc8785.dumps(
        {
            "chain_id": intent.chain_id,
            "contract": intent.contract,
            "transaction": receipt.transaction,
            "block_number": receipt.block_number,
            "root": bytes(intent.checkpoint.root).hex(),
            "size": intent.checkpoint.size,
        }
    )


class _Sink(io.RawIOBase):
    """Takes what the zip writer writes and hands it on."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        taken = bytes(data)  # type: ignore[call-overload]
        self.chunks.append(taken)
        return len(taken)

    def take(self) -> bytes:
        taken, self.chunks = b"".join(self.chunks), []
        return taken


def _zip(grant: Grant, papers: Mapping[str, bytes]) -> Iterator[bytes]:
    sink = _Sink()
    moment = grant.granted_at.astimezone(UTC)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in sorted(papers):
            archive.writestr(_member(name, moment, len(papers[name])), papers[name])
            yield sink.take()
        # The manifest, not the database, says what belongs into the bundle.
        for asset in json.loads(papers["manifest.json"])["assets"]:
            member = _member(f"files/{asset['path']}", moment, asset["size_bytes"])
            with archive.open(member, "w") as target:
                # The last chunk comes only when the digest of all is right, so damaged bytes never make a whole file.
                for chunk in assets.queries.read_chunks(asset["sha256"]):
                    target.write(chunk)
                    yield sink.take()
    yield sink.take()


def _member(name: str, moment: datetime, size_bytes: int) -> zipfile.ZipInfo:
    """Describes a member so that the same license gives the same bytes every time."""
    member = zipfile.ZipInfo(name, moment.timetuple()[:6])
    member.file_size = size_bytes
    member.create_system = 3
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    return member
