"""Keys in a cloud's key management service that speaks the AWS KMS API."""

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ledger.signing.base import ALGORITHM_OF, Algorithm, PublicKey, UnableToLoadKey, UnableToSign, Use
from ledger.signing.checking import public_key_for, raw_ecdsa, verifies
from ledger.signing.jwk import public_jwk, thumbprint
from ledger.signing.listed import ListedKeys

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 3, 5, 3
RAW_LIMIT_BYTES = 4096

# Algorithm → KeySpec, SigningAlgorithm, and whether the service is sent a digest or the message itself.
_KINDS: Mapping[Algorithm, tuple[str, str, str]] = {
    "ES256": ("ECC_NIST_P256", "ECDSA_SHA_256", "DIGEST"),
    "Ed25519": ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "RAW"),
    "ML-DSA-44": ("ML_DSA_44", "ML_DSA_SHAKE_256", "RAW"),
}
_WORDS = {
    "AccessDeniedException": "the service refuses these credentials",
    "UnrecognizedClientException": "the service refuses these credentials",
    "InvalidSignatureException": "the service refuses these credentials",
    "ExpiredTokenException": "the service refuses these credentials",
    "NotFoundException": "the service has no such key",
    "DisabledException": "the key is disabled",
    "KMSInvalidStateException": "the key is about to be deleted, or not ready",
    "KeyUnavailableException": "the key is not available now",
    "InvalidKeyUsageException": "the key is not for such signatures",
    "ThrottlingException": "the service takes no more requests for now",
    "LimitExceededException": "the service takes no more requests for now",
}

_clients: dict[tuple[object, ...], Any] = {}
_public: dict[tuple[object, ...], tuple[str, PublicKey]] = {}
_making = threading.Lock()


class ServiceFailed(Exception):
    """The service refused or did not answer; `error` is its name for it, `reason` ours."""

    code = "key-service-failed"

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(error, reason)
        self.error = error
        self.reason = reason


@dataclass(frozen=True)
class Service:
    """How to reach the service. Safe for several threads; `endpoint` empty means Amazon's own."""

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)

    def call(self, verb: str, **arguments: str | bytes) -> dict[str, Any]:
        """Call one verb of the KMS API, tried three times when it is throttled or fails; raise ServiceFailed."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = getattr(self._client(), verb)(**arguments)
        except ClientError as error:
            name = error.response["Error"].get("Code", "unknown")
            raise ServiceFailed(name, f"{_WORDS.get(name, 'the service failed')} ({name})") from error
        except BotoCoreError as error:
            name = type(error).__name__
            raise ServiceFailed(name, f"the service does not answer ({name})") from error
        except (ResponseParserError, ValueError) as error:
            raise ServiceFailed("malformed", "the service answers with what is not its protocol") from error
        return answer

    def _client(self) -> Any:
        known = (self.endpoint, self.region, self.access_key, self.secret_key, CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        with _making:
            if known not in _clients:
                import boto3
                from botocore.config import Config

                _clients[known] = boto3.session.Session().client(
                    "kms",
                    endpoint_url=self.endpoint or None,
                    region_name=self.region,
                    aws_access_key_id=self.access_key or None,
                    aws_secret_access_key=self.secret_key or None,
                    config=Config(
                        connect_timeout=CONNECT_TIMEOUT_S,
                        read_timeout=READ_TIMEOUT_S,
                        retries={"mode": "standard", "total_max_attempts": TRIES},
                        max_pool_connections=32,
                    ),
                )
            return _clients[known]


@dataclass(frozen=True)
class KmsSigner:
    """A private key in the service, named by its ARN, which no alias can move."""

    use: Use
    algorithm: Algorithm
    public_key: PublicKey
    arn: str
    _service: Service = field(repr=False)

    @cached_property
    def kid(self) -> str:
        return thumbprint(self.public_jwk)

    @cached_property
    def public_jwk(self) -> dict[str, str]:
        return public_jwk(self.public_key)

    def sign(self, message: bytes) -> bytes:
        _spec, algorithm, kind = _KINDS[self.algorithm]
        if kind == "RAW" and len(message) > RAW_LIMIT_BYTES:
            raise UnableToSign(self.use, f"the service takes {RAW_LIMIT_BYTES} bytes and this has {len(message)}")
        data = hashlib.sha256(message).digest() if kind == "DIGEST" else message
        try:
            answer = self._service.call(
                "sign", KeyId=self.arn, Message=data, MessageType=kind, SigningAlgorithm=algorithm
            )
        except ServiceFailed as failure:
            raise UnableToSign(self.use, failure.reason) from failure
        signature = answer.get("Signature")
        if not signature:
            raise UnableToSign(self.use, "the service answers without a signature")
        if self.algorithm == "ES256":
            try:
                signature = raw_ecdsa(signature)
            except ValueError as error:
                raise UnableToSign(self.use, f"the service answers with no signature in DER ({error})") from None
        if not verifies(self.public_key, message, signature):
            raise UnableToSign(self.use, "the signature that the service answers with does not verify")
        return bytes(signature)


class KmsKeys(ListedKeys):
    """The keys port on the service that settings.KMS names; a use's keys are key ids, ARNs or aliases, oldest first."""

    algorithms = frozenset(_KINDS)
    setting = "WORLDLOOM_KMS"

    def __init__(self, named: Mapping[str, Any] | None = None) -> None:
        if named is None:
            from django.conf import settings

            named = settings.KMS
        super().__init__(named["keys"])
        self._service = Service(**{name: value for name, value in named.items() if name != "keys"})

    def _missing(self, name: str) -> str:
        return f"the service has no key {name}"

    def _find(self, use: Use, name: str) -> KmsSigner | None:
        # A key's public half never changes, so a process asks for it once.
        known = (self._service, use, name)
        if known not in _public:
            try:
                answer = self._service.call("get_public_key", KeyId=name)
            except ServiceFailed as failure:
                if failure.error == "NotFoundException":
                    return None
                raise UnableToLoadKey(use, f"{name}: {failure.reason}") from failure
            _public[known] = str(answer.get("KeyId", name)), self._checked(use, name, answer)
        arn, public_key = _public[known]
        return KmsSigner(use, ALGORITHM_OF[use], public_key, arn, self._service)

    def _checked(self, use: Use, name: str, answer: Mapping[str, Any]) -> PublicKey:
        spec, algorithm, _kind = _KINDS[ALGORITHM_OF[use]]
        fits = answer.get("KeySpec") == spec and algorithm in answer.get("SigningAlgorithms", ())
        if answer.get("KeyUsage") != "SIGN_VERIFY" or not fits:
            raise UnableToLoadKey(use, f"{name} is not a key for signatures of {ALGORITHM_OF[use]} ({spec})")
        try:
            return public_key_for(ALGORITHM_OF[use], load_der_public_key(answer["PublicKey"]))
        except (KeyError, ValueError, UnsupportedAlgorithm):
            raise UnableToLoadKey(use, f"{name} has no public key for {ALGORITHM_OF[use]}") from None

    def _make(self, use: Use, name: str) -> KmsSigner:
        spec = _KINDS[ALGORITHM_OF[use]][0]
        raise UnableToLoadKey(
            use, f"the service has no key {name}: create one with KeySpec {spec} and KeyUsage SIGN_VERIFY there"
        )
