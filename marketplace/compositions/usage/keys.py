"""Reading the public keys of renderers: Ed25519 (RFC 8032), as a JWK (RFC 8037) or as PEM (RFC 8410)."""

import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ledger.signing.jws import decode_base64url
from marketplace.compositions.usage.refusals import UnableToKeepKey
from marketplace.ui.words import gettext_noop as _

_LIMIT_CHARACTERS = 2_000
_KNOWN = {"kty", "crv", "x", "kid", "alg", "use", "key_ops"}
# RFC 8032, section 5.1: the field, the curve's constant, and the order of its large subgroup.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_L = 2**252 + 27742317777372353535851937790883648493
Point = tuple[int, int, int, int]


def read_key(said: str | Mapping[str, object]) -> bytes:
    """This will return the 32 bytes of a public key that was given as a JWK or PEM, or raise UnableToKeepKey."""
    if isinstance(said, str) and said.lstrip().startswith("{"):
        try:
            said = json.loads(said[: _LIMIT_CHARACTERS + 1])
        except (ValueError, RecursionError):
            raise UnableToKeepKey(_("The key is no JSON: send the JWK or the PEM file as it is.")) from None
    raw = _of_jwk(said) if isinstance(said, Mapping) else _of_pem(str(said))
    if not is_sound(raw):
        raise UnableToKeepKey(_("These 32 bytes are no Ed25519 key that could sign safely: make a new pair."))
    return raw


def _of_jwk(said: Mapping[str, object]) -> bytes:
    if "d" in said:
        raise UnableToKeepKey(_("This is the private key: keep it where it signs, and send the public one."))
    x = said.get("x")
    if (said.get("kty"), said.get("crv")) != ("OKP", "Ed25519") or not isinstance(x, str) or said.keys() - _KNOWN:
        raise UnableToKeepKey(_('The JWK is no Ed25519 key: it needs "kty": "OKP", "crv": "Ed25519" and "x".'))
    try:
        raw = decode_base64url(x)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise UnableToKeepKey(_('The JWK\'s "x" is not 32 bytes in Base64url without padding.'))
    return raw


def _of_pem(said: str) -> bytes:
    if "PRIVATE KEY" in said:
        raise UnableToKeepKey(_("This is the private key: keep it where it signs, and send the public one."))
    try:
        key = load_pem_public_key(said[:_LIMIT_CHARACTERS].encode())
    except Exception:
        # The library raises many kinds for bytes that are no key.
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UnableToKeepKey(_("The key is neither the PEM of an Ed25519 public key nor its JWK."))
    return key.public_bytes_raw()


def is_sound(raw: bytes) -> bool:
    """This will tell whether bytes are a point of the large subgroup in its one spelling.

    RFC 8032 leaves these checks to the verifier. Without them, some keys have signatures that fit many messages.
    """
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if len(raw) != 32 or y >= _P:
        return False
    x = _x_of(y)
    if not x:
        return False
    if x & 1 != raw[31] >> 7:
        x = _P - x
    x, _y, z, _t = _times(_L, (x, y, 1, x * y % _P))
    return x == 0 and _y == z


def _x_of(y: int) -> int:
    """Gives a root for RFC 8032, section 5.1.3; 0 where there is none, or where it is 0."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    root = pow(square, (_P + 3) // 8, _P)
    if root * root % _P != square:
        root = root * pow(2, (_P - 1) // 4, _P) % _P
    return root if root * root % _P == square else 0


def _times(number: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = _plus(found, point)
        point, number = _plus(point, point), number >> 1
    return found


def _plus(one: Point, other: Point) -> Point:
    """Adds in extended coordinates: RFC 8032, section 5.1.4."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]), (one[1] + one[0]) * (other[1] + other[0])
    c, d = 2 * one[3] * other[3] * _D, 2 * one[2] * other[2]
    e, f, g, h = (b - a) % _P, (d - c) % _P, (d + c) % _P, (b + a) % _P
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
