"""Our own post-quantum signature under our checkpoints: an ML-DSA-44 cosignature in the log's name."""

from datetime import datetime

from django.conf import settings

from ledger import keyring
from ledger.log.checkpoint import TreeHead
from ledger.log.cosignature import MLDSA44_COSIGNATURE, CosignerKey, cosign
from ledger.signing.base import Signer


def cosigner_key() -> CosignerKey | None:
    """Return the log's ML-DSA-44 key, None in a house that has no such keys, or revoked the last one."""
    signer = keyring.signer_if_any("cosignatures")
    return None if signer is None else _cosigner_key(signer)


def own_cosignature(head: TreeHead, *, now: datetime) -> str:
    """Return the line that the log's ML-DSA-44 key adds to its own checkpoint; empty where there is no such key.

    c2sp.org/tlog-checkpoint lets a log sign so. Raise UnableToLoadKey when the key is there and unusable.
    """
    signer = keyring.signer_if_any("cosignatures")
    if signer is None:
        return ""
    return cosign(_cosigner_key(signer), head.to_text(), signer.sign, int(now.timestamp()))


def _cosigner_key(signer: Signer) -> CosignerKey:
    return CosignerKey(settings.LOG_ORIGIN, MLDSA44_COSIGNATURE, signer.public_key.public_bytes_raw())  # type: ignore[union-attr]
