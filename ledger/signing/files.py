"""Keys as PEM files of mode 0600 in the data folder: the embedded default."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings

from ledger.signing.base import ALGORITHM_OF, Algorithm, PublicKey, UnableToLoadKey, Use
from ledger.signing.checking import public_key_for, raw_ecdsa
from ledger.signing.jwk import public_jwk, thumbprint

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | MLDSA44PrivateKey


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
        if isinstance(self._private_key, EllipticCurvePrivateKey):
            return raw_ecdsa(self._private_key.sign(message, ECDSA(SHA256())))
        return self._private_key.sign(message)

    def private_pem(self) -> bytes:
        """Return the key as PKCS#8 PEM, for a library in this process that signs by itself."""
        return self._private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"FileSigner({self.algorithm}, {self.kid})"


class FileKeys:
    """One PKCS#8 PEM file a key. Whoever copies the folder holds the keys.

    `<use>.pem` is the key that signs, made on first use; `<use>.next.pem` the one that is to follow it, from the
    beginning of a rotation to its end; `<use>.<kid>.pem` every key that took part in one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(settings.DATA_FOLDER) / "keys"

    def offers(self, use: Use) -> bool:
        """See Keys.offers: ML-DSA is not in every OpenSSL."""
        return ALGORITHM_OF[use] != "ML-DSA-44" or _has_mldsa()

    def signer(self, use: Use) -> FileSigner:
        """Return the key of `<use>.pem`, made on first use."""
        path = self._folder / f"{use}.pem"
        if not path.exists():
            if left := [other.name for other in self._others(use)]:
                raise UnableToLoadKey(use, f"{path} is gone while {left[0]} is there: restore it from a backup")
            self._make(path, ALGORITHM_OF[use])
        return self._read(use, path)

    def signers(self, use: Use) -> list[FileSigner]:
        """See Keys.signers."""
        first = self.signer(use)
        others = (one for _path, one in self._read_others(use))
        return list({one.kid: one for one in (first, *others)}.values())

    def prepare(self, use: Use, *, after: str) -> FileSigner:
        """See Keys.prepare."""
        path = self._folder / f"{use}.next.pem"
        if path.exists() and self._read(use, path).kid == after:
            self.select(use, after)  # what a crash left undone
        if not path.exists():
            self._make(path, ALGORITHM_OF[use])
        upcoming = self._read(use, path)
        # Under its own name it stays, whoever removes the other.
        _link(path, self._folder / f"{use}.{upcoming.kid}.pem")
        self._flush()
        return upcoming

    def select(self, use: Use, kid: str) -> None:
        """See Keys.select: both keys have files under their names before `<use>.pem` changes in one step."""
        path, upcoming = self._folder / f"{use}.pem", self._folder / f"{use}.next.pem"
        current = self._read(use, path)
        if current.kid != kid:
            chosen = next((path for path, one in self._read_others(use) if one.kid == kid), None)
            if chosen is None:
                raise UnableToLoadKey(use, f"{kid} is not in {self._folder}")
            _link(path, self._folder / f"{use}.{current.kid}.pem")
            _link(chosen, self._folder / f"{use}.{kid}.pem")
            temporary = _beside(path)
            os.link(chosen, temporary)
            temporary.replace(path)
            self._flush()
        if any(path == upcoming and one.kid == kid for path, one in self._read_others(use)):
            upcoming.unlink(missing_ok=True)

    def _others(self, use: Use) -> Iterator[Path]:
        return iter(sorted(self._folder.glob(f"{use}.*.pem")))

    def _read_others(self, use: Use) -> Iterator[tuple[Path, FileSigner]]:
        for path in self._others(use):
            try:
                found = self._read(use, path)
            except UnableToLoadKey:
                if path.exists():
                    raise
                continue  # another process ended its rotation: the key that was the next has a file under its own name
            yield path, found

    def _read(self, use: Use, path: Path) -> FileSigner:
        try:
            pem, mode = path.read_bytes(), path.stat().st_mode
        except OSError as error:
            raise UnableToLoadKey(use, f"{path} cannot be read ({error.strerror})") from None
        if mode & 0o077:
            raise UnableToLoadKey(use, f"{path} is open to other users, so close it with `chmod 600 {path}`")
        try:
            return _parse(pem, ALGORITHM_OF[use])
        except ValueError as error:
            raise UnableToLoadKey(use, f"{path} {error}") from None

    def _make(self, path: Path, algorithm: Algorithm) -> None:
        pem = _generate(algorithm).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = _beside(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            # Two processes at once end with the same key.
            _link(temporary, path)
        finally:
            temporary.unlink()
        self._flush()

    def _flush(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def _link(source: Path, target: Path) -> None:
    """Name the file's content a second time; a link, unlike a rename, never replaces."""
    with contextlib.suppress(FileExistsError):
        os.link(source, target)


def _generate(algorithm: Algorithm) -> PrivateKey:
    if algorithm == "Ed25519":
        return Ed25519PrivateKey.generate()
    return MLDSA44PrivateKey.generate() if algorithm == "ML-DSA-44" else generate_ec_key(SECP256R1())


@lru_cache(1)
def _has_mldsa() -> bool:
    try:
        MLDSA44PrivateKey.generate()
    except UnsupportedAlgorithm:
        return False
    return True


@lru_cache(64)
def _parse(pem: bytes, algorithm: Algorithm) -> FileSigner:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not an unencrypted private key in PEM") from None
    try:
        public_key_for(algorithm, key.public_key())
    except ValueError:
        raise ValueError(f"does not hold a key for {algorithm}") from None
    return FileSigner(algorithm, key)
