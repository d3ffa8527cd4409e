"""Keys as PEM files of mode 0600 in the data folder: the embedded default."""

import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from ledger.signing.base import ALGORITHM_OF, Algorithm, PublicKey, UnableToLoadKey, Use
from ledger.signing.jwk import public_jwk, thumbprint

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


@dataclass(frozen=True)
class FileSigner:
    """A private key held in this process."""

    algorithm: Algorithm
    _private_key: PrivateKey

    @cached_property
    def kid(self) -> str:
        return thumbprint(self.public_jwk)

    @property
    def public_key(self) -> PublicKey:
        return self._private_key.public_key()

    @cached_property
    def public_jwk(self) -> dict[str, str]:
        return public_jwk(self.public_key)

    def sign(self, message: bytes) -> bytes:
        if isinstance(self._private_key, Ed25519PrivateKey):
            return self._private_key.sign(message)
        r, s = decode_dss_signature(self._private_key.sign(message, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return f"FileSigner({self.algorithm}, {self.kid})"


class FileKeys:
    """One PKCS#8 PEM file a use, made on first use. Whoever copies the folder holds the keys."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(settings.DATA_FOLDER) / "keys"

    def signer(self, use: Use) -> FileSigner:
        path = self._folder / f"{use}.pem"
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            self._make(path, ALGORITHM_OF[use])
            pem = path.read_bytes()
        except OSError as error:
            raise UnableToLoadKey(use, f"{path} cannot be read ({error.strerror})") from None
        if path.stat().st_mode & 0o077:
            raise UnableToLoadKey(use, f"{path} is open to other users, so close it with `chmod 600 {path}`")
        return FileSigner(ALGORITHM_OF[use], _parse(pem, use, path))

    def _make(self, path: Path, algorithm: Algorithm) -> None:
        key = Ed25519PrivateKey.generate() if algorithm == "Ed25519" else generate_ec_key(SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, never replaces: two processes at once end with the same key.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()


def _parse(pem: bytes, use: Use, path: Path) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnableToLoadKey(use, f"{path} is not an unencrypted private key in PEM") from None
    if ALGORITHM_OF[use] == "Ed25519" and isinstance(key, Ed25519PrivateKey):
        return key
    is_p256 = isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    if ALGORITHM_OF[use] == "ES256" and is_p256:
        return key
    raise UnableToLoadKey(use, f"{path} does not hold a key for {ALGORITHM_OF[use]}")
