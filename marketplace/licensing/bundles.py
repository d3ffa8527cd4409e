"""The download of a license: files, manifest, certificate and proofs in one zip (docs/formats/bundle.md)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import rfc8785
from django.utils import timezone
from django.utils.translation import gettext as _

import assets.queries
import ledger.attesting
import ledger.queries
from ledger.attestations import cose, modelsigning
from ledger.log.proof import Proof
from ledger.models import AnchorReceipt, Entry
from ledger.signing.jwk import public_jwk, thumbprint
from marketplace.catalog.models import Release
from marketplace.licensing import certificates, credentialed, rules
from marketplace.licensing.archives import Stored, streamed
from marketplace.licensing.holding_queries import follower_of
from marketplace.licensing.models import Grant, GrantStatus
from marketplace.licensing.queries import EXPIRED, UPCOMING, state_of

FORMAT = "worldloom/bundle/2"
FOR_OTHERS = ("README.txt", "model.sigstore.json", "receipt.cose")
ZIP_VERSION = 2  # counts the changes of the zip that give other bytes for the same papers
README = """This bundle holds what you licensed, and the proof.

  pack      {pack} {version}
  licensee  {licensee}
  license   {grant}

Check it offline, with any Python 3.11 or newer and its package "cryptography":

  python verify.py {grant}.zip --key "{key}"

verify.py is one file that anyone may read: {site}/verify.py
The key of the log is published at {site}/log/

Other tools check parts of it without us:

  certificate.jws       a W3C Verifiable Credential (JWS, ES256); keys: {site}/.well-known/jwks.json
  model.sigstore.json   the signature of files/ by OpenSSF model signing; key: {site}/keys/{claims_kid}.pem
  receipt.cose          a COSE receipt (RFC 9942) that the license is in the log

  model_signing verify key files --signature model.sigstore.json --public_key {claims_kid}.pem
"""


ERASED = "erased"


class ProofPending(Exception):
    """The grant is not sealed into the log yet; ask again in a second."""

    code = "proof-pending"

    def __init__(self, grant: Grant) -> None:
        super().__init__(_("The proof of license %s is being sealed: ask again in a second.") % grant.pk)
        self.grant = grant


class NotDownloadable(Exception):
    """The license does not allow a download now."""

    code = "license-not-active"

    def __init__(self, grant: Grant, status: str, follower: Grant | None = None) -> None:
        if follower is not None:
            text = _("The license %(license)s was replaced by %(follower)s: download that one.")
            super().__init__(text % {"license": grant.pk, "follower": follower.pk})
            self.grant, self.status, self.follower = grant, status, follower
            return
        words = {
            GrantStatus.SUSPENDED: _("The license %s is suspended while its payment is disputed."),
            GrantStatus.REVOKED: _("The license %s is revoked, since its payment was taken back."),
            GrantStatus.SUPERSEDED: _("The license %s was replaced by another."),
            EXPIRED: _("The license %s has ended, so its files cannot be downloaded again."),
            ERASED: _("Who holds the license %s was erased, so its papers cannot be made again."),
        }
        super().__init__(words[status] % grant.pk)
        self.grant, self.status, self.follower = grant, status, follower


@dataclass(frozen=True)
class Bundle:
    """A bundle that is ready to be sent: its papers, by name, and the grant whose files follow them."""

    grant: Grant
    papers: Mapping[str, bytes]
    copies: Mapping[str, str] = field(default_factory=dict)
    """Pictures that carry Content Credentials: SHA-256 of a copy by its path."""

    @property
    def digest(self) -> str:
        """A name for the very bytes of the zip: its papers fix them, since the manifest fixes the files."""
        moment = self.grant.granted_at.astimezone(UTC).isoformat()
        digests = {name: rules.digest(paper) for name, paper in self.papers.items()}
        named = {"zip": ZIP_VERSION, "granted_at": moment, "papers": digests, "copies": dict(self.copies)}
        return rules.digest(rfc8785.dumps(named))

    def chunks(self) -> Iterator[bytes]:
        """This will give the bytes of the zip, in flat memory."""
        return streamed(_members(self.papers, self.copies), self.grant.granted_at)


def prepare(grant: Grant, *, site: str, now: datetime | None = None) -> Bundle:
    """This will gather all but the files, and see that those are there: what can fail fails before the first byte.

    Raises ProofPending until all that it proves is under one published checkpoint, NotDownloadable when the
    license is suspended, revoked or superseded, or has ended; BlobMissing or BlobDamaged when storage lost a file.
    A license that has not begun can be fetched: its words say when it begins.
    """
    if (state := state_of(grant, now or timezone.now())) not in (GrantStatus.ACTIVE, UPCOMING):
        raise NotDownloadable(grant, state, follower_of(grant) if state == GrantStatus.SUPERSEDED else None)
    if not grant.certificate:
        raise NotDownloadable(grant, ERASED)
    papers, copies = _papers(grant, site), credentialed.copies(grant)
    papers["bundle.json"] = _contents(papers, copies)
    bundle = Bundle(grant, papers, copies)
    files = [asset["sha256"] for asset in json.loads(bundle.papers["manifest.json"])["assets"]]
    for sha256 in (*files, *bundle.copies.values()):
        assets.queries.open_blob(sha256).close()
    return bundle


def stream(grant: Grant, *, site: str) -> Iterator[bytes]:
    """This will prepare a bundle and give its bytes."""
    return prepare(grant, site=site).chunks()


def digests_in(release: Release) -> dict[str, str]:
    """This will read from a release's manifest the SHA-256 of every file by its path."""
    listed = json.loads(bytes(release.manifest))["assets"]
    return {asset["path"]: asset["sha256"] for asset in listed}


def papers_of(grant: Grant, *, site: str) -> dict[str, bytes]:
    """This will give all of a bundle but the files, by name, whatever became of the license since: what proves that it
    was granted, for whoever must show that.

    Raises ProofPending until the log has it; of a license whose holder was erased there are no papers.
    """
    return _papers(grant, site)


def _papers(grant: Grant, site: str) -> dict[str, bytes]:
    """Everything but the files, by name."""
    release, terms = grant.release, grant.terms
    entries = _entries(grant)
    proofs = _proofs(grant, entries)
    # Under an anchored checkpoint, where there is one: the chain vouches for the tree that the proofs lead to.
    receipt = ledger.queries.latest_anchor_covering(max(proof.index for proof in proofs.values()))
    if receipt is not None:
        proofs = _proofs(grant, entries, receipt)
    checkpoint, key = proofs["grant"].checkpoint, str(ledger.queries.verifier_key())
    papers = {
        "manifest.json": bytes(release.manifest),
        "certificate.jws": grant.certificate.encode(),
        "terms.json": bytes(terms.document),
        "terms.en.txt": terms.text_en.encode(),
        "terms.zh-Hans.txt": terms.text_zh_hans.encode(),
        "licensee.json": rules.licensee_document(grant.licensee_name, grant.licensee_salt),
        "checkpoint": checkpoint.encode(),
        "log.vkey": (key + "\n").encode(),
        "receipt.cose": cose.receipt(
            proofs["grant"],
            subject=f"grant:{grant.pk}",
            key=ledger.queries.verifier_key(),
            signer=ledger.queries.signer("log"),
        ),
        "README.txt": README.format(
            pack=release.pack,
            version=release.version,
            licensee=grant.licensee_name,
            grant=grant.pk,
            key=key,
            site=site,
            claims_kid=_claims_kid(entries.get("model")),
        ).encode(),
    }
    if model := entries.pop("model", None):
        papers["model.sigstore.json"] = ledger.attesting.bundle_of(
            model, proofs["model"], name=str(release), digests=digests_in(release)
        )
    for name, entry in entries.items():
        papers[f"entries/{name}.json"] = bytes(entry.body)
        papers[f"proofs/{name}.tlog-proof"] = proofs[name].to_text().encode()
    if receipt is not None and checkpoint.startswith(receipt.intent.checkpoint.note):  # witnesses may have added theirs
        papers["anchor.json"] = _anchor(receipt)
    return papers


def _contents(papers: Mapping[str, bytes], copies: Mapping[str, str]) -> bytes:
    """The digests of what nothing in the log binds, since tools that are not ours check it."""
    named = {name: rules.digest(papers[name]) for name in FOR_OTHERS if name in papers}
    named |= {f"credentialed/{path}": sha256 for path, sha256 in copies.items()}
    return rfc8785.dumps({"format": FORMAT, "for_others": named})


def _entries(grant: Grant) -> dict[str, Entry]:
    """What the bundle proves to be in the log, by name; ProofPending while the log lacks what it must have."""
    due = {
        "release": _entry("release", f"release:{grant.release.digest}"),
        "grant": _entry("grant", f"grant:{grant.pk}"),
        "key": ledger.queries.find_key(certificates.kid_of(grant.certificate)),
    }
    found = {name: entry for name, entry in due.items() if entry is not None}
    if len(found) < len(due):
        raise ProofPending(grant)
    # Releases from before there were such signatures have neither.
    signatures = json.loads(bytes(found["release"].body)).get("signatures") or [{"kid": ""}]
    optional = {
        "creator-key": ledger.queries.find_key(signatures[0]["kid"]),
        "model": ledger.attesting.signature_of(grant.release.digest),
    }
    return found | {name: entry for name, entry in optional.items() if entry is not None}


def _proofs(grant: Grant, entries: Mapping[str, Entry], receipt: AnchorReceipt | None = None) -> dict[str, Proof]:
    checkpoint = receipt.intent.checkpoint if receipt else None
    proofs = ledger.queries.proofs_for(list(entries.values()), checkpoint=checkpoint)
    if proofs is None and checkpoint is not None:
        proofs = ledger.queries.proofs_for(list(entries.values()))
    if proofs is None:
        raise ProofPending(grant)
    return dict(zip(entries, proofs, strict=True))


def _claims_kid(model: Entry | None) -> str:
    key = modelsigning.read_signed(model.statement).public_key if model else ledger.queries.signer("claims").public_key
    return thumbprint(public_jwk(key))


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


def _members(papers: Mapping[str, bytes], copies: Mapping[str, str]) -> Iterator[tuple[str, bytes | Stored]]:
    for name in sorted(papers):
        yield name, papers[name]
    # The manifest, not the database, says what belongs into the bundle.
    for asset in json.loads(papers["manifest.json"])["assets"]:
        yield f"files/{asset['path']}", Stored(asset["sha256"], asset["size_bytes"])
    for path, sha256 in sorted(copies.items()):
        yield f"credentialed/{path}", Stored(sha256)
