"""The authorities' private keys: P-256, one PEM file of mode 0600 each, beside the platform's other keys.

The root's key is needed only to make or renew an issuing authority: it may be taken offline in between.
"""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from django.conf import settings

from ledger.signing.base import UnableToLoadKey


def path_of(authority: str, role: str) -> Path:
    """Return where the key of an authority's root or issuing certificate is."""
    return Path(settings.DATA_FOLDER) / "keys" / f"credentials-{authority}-{role}.pem"


def load(authority: str, role: str) -> EllipticCurvePrivateKey | None:
    """Return the key, None when it is not here; UnableToLoadKey when it is unusable or open to others."""
    path = path_of(authority, role)
    try:
        pem, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnableToLoadKey("credentials", f"{path} cannot be read ({error.strerror})") from None
    if mode & 0o077:
        raise UnableToLoadKey("credentials", f"{path} is open to other users, so close it with `chmod 600 {path}`")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise UnableToLoadKey("credentials", f"{path} is not an unencrypted P-256 key in PEM")
    return key


def make(authority: str, role: str) -> EllipticCurvePrivateKey:
    """Return the key, made unless somebody was faster."""
    path = path_of(authority, role)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    # A link, unlike a rename, replaces nothing: two processes at once end with one key.
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
    key = load(authority, role)
    assert key is not None
    return key
