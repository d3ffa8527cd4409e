"""Keys in a hardware security module, or anything else that speaks PKCS#11."""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.signing.base import ALGORITHM_OF, Algorithm, PublicKey, UnableToLoadKey, UnableToSign, Use
from ledger.signing.checking import verifies
from ledger.signing.jwk import public_jwk, thumbprint
from ledger.signing.listed import ListedKeys

# CKA_EC_PARAMS, DER: the OIDs 1.2.840.10045.3.1.7 and 1.3.101.112 (RFC 5480, RFC 8410).
_CURVES: Mapping[Algorithm, bytes] = {
    "ES256": bytes.fromhex("06082a8648ce3d030107"),
    "Ed25519": bytes.fromhex("06032b6570"),
}
_WORDS = {
    "PKCS11Error": "the module {module} cannot be loaded",
    "PinIncorrect": "the token refuses the PIN, which is not tried again lest the token locks",
    "PinLocked": "the token is locked after too many wrong PINs",
    "PinExpired": "the PIN has expired",
    "NoSuchToken": "there is no token labeled {token}",
    "MultipleTokensReturned": "several tokens are labeled {token}",
    "GeneralError": "the token is gone or broken",
    "DeviceRemoved": "the token is gone or broken",
    "TokenNotPresent": "the token is gone or broken",
    "FunctionNotSupported": "the token lacks this function",
    "MechanismInvalid": "the token lacks this algorithm",
}
Result = TypeVar("Result")
_tokens: dict[tuple[str, str], "Token"] = {}
_making = threading.Lock()


class TokenFailed(Exception):
    """The token did not do it; `reason` says why, in the middle of a sentence."""

    code = "token-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Token:
    """One token of one module: one session in this process, used by one thread at a time, opened again on error."""

    module: str
    label: str
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _session: Any = field(default=None, repr=False)
    _process: int = 0
    _refused: bytes = field(default=b"", repr=False)
    _objects: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    def run(self, pin: str, work: Callable[["Token"], Result]) -> Result:
        """Return what `work` returns, tried twice: the second time in a session that is opened anew.

        Raise TokenFailed. A PIN that the token refused is not tried again by this process.
        """
        try:
            import pkcs11
        except ImportError:
            raise TokenFailed("the package python-pkcs11 is not installed") from None
        with self._lock:
            for is_last in (False, True):
                try:
                    self._open(pin, pkcs11)
                    return work(self)
                except pkcs11.PKCS11Error as error:
                    self._forget()
                    name = type(error).__name__
                    if is_last or name in ("PinIncorrect", "PinLocked", "PinExpired", "NoSuchToken"):
                        words = _WORDS.get(name, "the token failed").format(token=self.label, module=self.module)
                        raise TokenFailed(f"{words} ({name})") from error
        raise AssertionError("unreachable")

    def object(self, kind: str, label: str) -> Any | None:
        """Return the one object (PRIVATE_KEY, PUBLIC_KEY) of that label, None when there is none."""
        import pkcs11

        if (kind, label) not in self._objects:
            wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass[kind], pkcs11.Attribute.LABEL: label}
            found = list(self._session.get_objects(wanted))
            if len(found) > 1:
                raise TokenFailed(f"{len(found)} keys are labeled {label}, so which one is meant is unknown")
            if not found:
                return None
            self._objects[kind, label] = found[0]
        return self._objects[kind, label]

    def generate(self, label: str, algorithm: Algorithm) -> None:
        """Make a key pair that never leaves the token, unless one of that label is there."""
        import pkcs11

        if self.object("PRIVATE_KEY", label) is not None:
            return
        curve = {pkcs11.Attribute.EC_PARAMS: _CURVES[algorithm]}
        kind, mechanism = pkcs11.KeyType.EC, pkcs11.Mechanism.EC_KEY_PAIR_GEN
        if algorithm == "Ed25519":
            kind, mechanism = pkcs11.KeyType.EC_EDWARDS, pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN
        parameters = self._session.create_domain_parameters(kind, curve, local=True)
        parameters.generate_keypair(
            store=True,
            label=label,
            id=hashlib.sha256(label.encode()).digest()[:8],
            mechanism=mechanism,
            private_template={
                pkcs11.Attribute.SENSITIVE: True,
                pkcs11.Attribute.EXTRACTABLE: False,
                pkcs11.Attribute.SIGN: True,
            },
        )

    def _open(self, pin: str, pkcs11: Any) -> None:
        if self._session is not None and self._process == os.getpid():
            return
        if self._refused == _hidden(pin):
            raise TokenFailed(_WORDS["PinIncorrect"])
        library = pkcs11.lib(self.module)
        if self._process:
            library.reinitialize()  # after an error, and in a child process: PKCS#11 base 3.0, section 6.7.1
        self._process, self._objects = os.getpid(), {}
        try:
            self._session = library.get_token(token_label=self.label).open(rw=True, user_pin=pin)
        except pkcs11.PinIncorrect:
            self._refused = _hidden(pin)
            raise

    def _forget(self) -> None:
        self._session, self._objects = None, {}


@dataclass(frozen=True)
class Pkcs11Signer:
    """A private key in a token, found by its label."""

    use: Use
    algorithm: Algorithm
    public_key: PublicKey
    label: str
    _token: Token = field(repr=False)
    _pin: str = field(repr=False)

    @cached_property
    def kid(self) -> str:
        return thumbprint(self.public_jwk)

    @cached_property
    def public_jwk(self) -> dict[str, str]:
        return public_jwk(self.public_key)

    def sign(self, message: bytes) -> bytes:
        import pkcs11

        is_ecdsa = self.algorithm == "ES256"
        data = hashlib.sha256(message).digest() if is_ecdsa else message
        mechanism = pkcs11.Mechanism.ECDSA if is_ecdsa else pkcs11.Mechanism.EDDSA

        def work(token: Token) -> bytes:
            key = token.object("PRIVATE_KEY", self.label)
            if key is None:
                raise TokenFailed(f"the token has no private key labeled {self.label}")
            return bytes(key.sign(data, mechanism=mechanism))

        try:
            signature = self._token.run(self._pin, work)
        except TokenFailed as failure:
            raise UnableToSign(self.use, failure.reason) from failure
        if not verifies(self.public_key, message, signature):
            raise UnableToSign(self.use, f"what the token signed with {self.label} does not verify")
        return signature


class Pkcs11Keys(ListedKeys):
    """The keys port on the token that settings.PKCS11 names; a use's keys are labels, the oldest first."""

    algorithms = frozenset(_CURVES)
    setting = "WORLDLOOM_PKCS11"

    def __init__(self, named: Mapping[str, Any] | None = None) -> None:
        if named is None:
            from django.conf import settings

            named = settings.PKCS11
        super().__init__(named["labels"])
        self._named = named

    def _missing(self, name: str) -> str:
        return f"the token has no key labeled {name}"

    def _advice(self, use: Use) -> str:
        return f"make it with `manage.py ledger_key make --use {use}`, or correct {self._variable(use)}"

    def _find(self, use: Use, name: str) -> Pkcs11Signer | None:
        token, pin = self._token(use), self._pin(use)

        def work(token: Token) -> tuple[bytes, bytes] | None:
            if token.object("PRIVATE_KEY", name) is None:
                return None
            key = token.object("PUBLIC_KEY", name)
            if key is None:
                raise TokenFailed(f"the public half of {name} is not in the token")
            from pkcs11 import Attribute

            return bytes(key[Attribute.EC_PARAMS]), bytes(key[Attribute.EC_POINT])

        try:
            found = token.run(pin, work)
            if found is None:
                return None
            public_key = _public_key(ALGORITHM_OF[use], *found)
        except TokenFailed as failure:
            raise UnableToLoadKey(use, failure.reason) from failure
        except (ValueError, UnsupportedAlgorithm):
            raise UnableToLoadKey(use, f"{name} does not hold a key for {ALGORITHM_OF[use]}") from None
        return Pkcs11Signer(use, ALGORITHM_OF[use], public_key, name, token, pin)

    def _make(self, use: Use, name: str) -> Pkcs11Signer:
        try:
            self._token(use).run(self._pin(use), lambda token: token.generate(name, ALGORITHM_OF[use]))
        except TokenFailed as failure:
            raise UnableToLoadKey(use, f"{name} cannot be made: {failure.reason}") from failure
        made = self._find(use, name)
        if made is None:
            raise UnableToLoadKey(use, f"the token did not keep {name}")
        return made

    def _token(self, use: Use) -> Token:
        module, label = self._named["module"], self._named["token"]
        if not module or not label:
            raise UnableToLoadKey(use, "set WORLDLOOM_PKCS11_MODULE and WORLDLOOM_PKCS11_TOKEN")
        with _making:
            return _tokens.setdefault((module, label), Token(module, label))

    def _pin(self, use: Use) -> str:
        if not self._named["pin_file"]:
            return str(self._named["pin"])
        path = Path(self._named["pin_file"])
        try:
            pin, mode = path.read_text().strip(), path.stat().st_mode
        except OSError as error:
            raise UnableToLoadKey(use, f"{path} cannot be read ({error.strerror})") from None
        if mode & 0o077:
            raise UnableToLoadKey(use, f"{path} is open to other users, so close it with `chmod 600 {path}`")
        return pin


def _public_key(algorithm: Algorithm, curve: bytes, point: bytes) -> PublicKey:
    """Return the key of CKA_EC_PARAMS and CKA_EC_POINT; ValueError when it is on another curve or no point of it."""
    if curve != _CURVES[algorithm]:
        raise ValueError("another curve")
    # PKCS#11 wraps the point in a DER OCTET STRING; both points here are shorter than 128 bytes.
    if point[:2] == bytes([0x04, len(point) - 2]):
        point = point[2:]
    if algorithm == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(point)
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)


def _hidden(pin: str) -> bytes:
    return hashlib.sha256(pin.encode()).digest()
