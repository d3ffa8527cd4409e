"""Signers as the C2PA library takes them, and the two of them that its Python package lacks a way to join.

The package is pinned: what is called here by its private names is tried by tests/ledger/credentials.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.signing.base import Signer
from ledger.signing.files import FileSigner


@dataclass(frozen=True, slots=True)
class Party:
    """Who signs: the key, and its leaf with what vouches for it, as PEM without the root."""

    signer: Signer
    chain: str


def native_signer(party: Party) -> Any:
    """Return a c2pa.Signer of the party.

    A key in this process signs inside the library, which then leaves 9 KB less of padding in each picture; one in an
    HSM or a KMS is called back.
    """
    import c2pa

    name = {"ES256": "es256", "Ed25519": "ed25519"}[party.signer.algorithm]
    if isinstance(party.signer, FileSigner):
        info = c2pa.C2paSignerInfo(name.encode(), party.chain.encode(), party.signer.private_pem(), None)
        return c2pa.Signer.from_info(info)
    algorithm = getattr(c2pa.C2paSigningAlg, name.upper())
    return c2pa.Signer.from_callback(party.signer.sign, algorithm, party.chain, None)


def with_identity(claims: Any, identity: Any, *, referenced: Sequence[str], role: str) -> Any:
    """Return a c2pa.Signer that signs claims by one and adds a CAWG identity assertion (cawg.x509.cose) by the other.

    `referenced` are the labels of the assertions that the identity signs, as they are written. Both signers are
    used up.
    """
    import c2pa
    import c2pa.c2pa as library

    create = library._lib.c2pa_identity_signer_create
    create.restype = ctypes.POINTER(library.C2paSigner)
    create.argtypes = [ctypes.POINTER(library.C2paSigner)] * 2 + [ctypes.POINTER(ctypes.c_char_p)] * 2
    pointer = create(claims._handle, identity._handle, _strings(referenced), _strings([role]))
    # The native side owns both from here on, whatever came of it; their callbacks must outlive it.
    callbacks = (claims._callback_cb, identity._callback_cb)
    claims._handle = identity._handle = None
    if not pointer:
        raise c2pa.C2paError(library._read_native_error() or "no signer of two parties")
    joined = c2pa.Signer(pointer)
    joined._callbacks = callbacks
    return joined


def _strings(texts: Sequence[str]) -> Any:
    """Return a C array of strings that ends in a null pointer."""
    return (ctypes.c_char_p * (len(texts) + 1))(*[text.encode() for text in texts], None)
