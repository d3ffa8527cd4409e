"""Sign what a release is made of, for tools that know nothing of us."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from ledger import queries
from ledger.attestations import modelsigning
from ledger.log.proof import Proof
from ledger.models import Checkpoint, Entry
from ledger.schemas import FOREIGN_TYPE
from ledger.stating import register_keys, state_foreign


@transaction.atomic
def attest_release(*, release: str, name: str, digests: Mapping[str, str], now: datetime) -> Entry:
    """Sign a release's files by the `claims` key as OpenSSF model signing does, state the signature, return its entry.

    `digests` maps paths to SHA-256 in hex; `name` is what the statement calls them. A release is signed once: the
    second time its entry is returned.
    """
    said = signature_of(release)
    if said is not None:
        return said
    # The log must know the key before it hears of anything that the key signed.
    register_keys(now=now)
    payload = modelsigning.statement(name, digests)
    content = modelsigning.sign(payload, queries.signer("claims"))
    return state_foreign(release=release, content=content, now=now)


def signature_of(release: str) -> Entry | None:
    """Return the entry of a release's model signature; None for releases from before there were any."""
    return Entry.objects.filter(type=FOREIGN_TYPE, subject=f"release:{release}").first()


def model_signature(
    *, release: str, name: str, digests: Mapping[str, str], checkpoint: Checkpoint | None = None
) -> bytes | None:
    """Return the sigstore bundle of a release, proven under the checkpoint given or else the published one.

    None when the release has no signature, or not yet one under that checkpoint.
    """
    entry = signature_of(release)
    proof = queries.proof_for(entry, checkpoint=checkpoint) if entry else None
    return bundle_of(entry, proof, name=name, digests=digests) if entry and proof else None


def bundle_of(entry: Entry, proof: Proof, *, name: str, digests: Mapping[str, str]) -> bytes:
    """Return the sigstore bundle that a release's signature entry and its proof make."""
    return modelsigning.bundle(
        name,
        digests,
        entry=bytes(entry.body),
        content=entry.statement,
        proof=proof,
        key=queries.verifier_key(),
    )
