"""A key management service over HTTP, strict about requests as botocore's own model of the API."""

import base64
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import botocore.session
from botocore.model import OperationModel, Shape
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MODEL = botocore.session.get_session().get_service_model("kms")
ACCESS_KEY = "AKIAWORLDLOOM"
KINDS = {
    "ECC_NIST_P256": (lambda: generate_private_key(SECP256R1()), "ECDSA_SHA_256"),
    "ECC_NIST_P384": (lambda: generate_private_key(SECP384R1()), "ECDSA_SHA_384"),
    "ECC_NIST_EDWARDS25519": (Ed25519PrivateKey.generate, "ED25519_SHA_512"),
    "ML_DSA_44": (MLDSA44PrivateKey.generate, "ML_DSA_SHAKE_256"),
}


class Refused(Exception):
    """An error by its name in the API."""

    def __init__(self, name: str, status: int = 400) -> None:
        super().__init__(name)
        self.name = name
        self.status = status


@dataclass
class Key:
    arn: str
    spec: str
    usage: str
    private: Any
    state: str = "Enabled"


@dataclass
class Kms:
    """The service: its keys, what it was asked, and what is to go wrong next, one fault a request."""

    endpoint: str = ""
    keys: dict[str, Key] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    lie: Any = None  # what changes an answer to Sign

    def settings(self, **keys: list[str]) -> dict[str, Any]:
        """Return settings.KMS for this service."""
        return {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key": ACCESS_KEY,
            "secret_key": "s3cr3t",
            "keys": keys,
        }

    def create(self, spec: str, usage: str = "SIGN_VERIFY") -> str:
        """Return the id of a new key."""
        return str(self.create_key({"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"]["KeyId"])

    def create_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        key_id = str(UUID(int=len(self.keys) + 1))
        make, _algorithm = KINDS[asked["KeySpec"]]
        arn = f"arn:aws:kms:us-east-1:111122223333:key/{key_id}"
        self.keys[key_id] = Key(arn, asked["KeySpec"], asked["KeyUsage"], make())
        return {"KeyMetadata": {"KeyId": key_id, "Arn": arn}}

    def get_public_key(self, asked: dict[str, Any]) -> dict[str, Any]:
        key = self._key(asked["KeyId"])
        public = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        answer = {"KeyId": key.arn, "PublicKey": base64.b64encode(public).decode(), "KeySpec": key.spec}
        return answer | {"KeyUsage": key.usage, "SigningAlgorithms": [KINDS[key.spec][1]]}

    def sign(self, asked: dict[str, Any]) -> dict[str, Any]:
        key, message = self._key(asked["KeyId"]), base64.b64decode(asked["Message"])
        if key.usage != "SIGN_VERIFY" or asked["SigningAlgorithm"] != KINDS[key.spec][1]:
            raise Refused("InvalidKeyUsageException")
        if isinstance(key.private, EllipticCurvePrivateKey):
            digest = message if asked.get("MessageType") == "DIGEST" else hashlib.sha256(message).digest()
            if len(digest) != 32:
                raise Refused("ValidationException")
            signature = key.private.sign(digest, ECDSA(Prehashed(SHA256())))
        elif asked.get("MessageType") == "RAW":
            signature = key.private.sign(message)
        else:
            raise Refused("ValidationException")
        signature = self.lie(signature) if self.lie else signature
        return {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode(), "SigningAlgorithm": "x"}

    def _key(self, name: str) -> Key:
        name = self.aliases.get(name, name).rpartition("/")[2]
        if name not in self.keys:
            raise Refused("NotFoundException")
        if self.keys[name].state != "Enabled":
            raise Refused("DisabledException" if self.keys[name].state == "Disabled" else "KMSInvalidStateException")
        return self.keys[name]


def check(operation: OperationModel, asked: dict[str, Any]) -> None:
    """Refuse what the API's model does not allow."""
    shape = operation.input_shape
    missing = set(shape.required_members) - asked.keys()
    unknown = asked.keys() - shape.members.keys()
    if missing or unknown or any(not fits(shape.members[name], value) for name, value in asked.items()):
        raise Refused("ValidationException")


def fits(shape: Shape, value: Any) -> bool:
    if shape.type_name == "blob":
        decoded = base64.b64decode(value, validate=True)
        return shape.metadata["min"] <= len(decoded) <= shape.metadata["max"]
    if not isinstance(value, str):
        return False
    bounds = shape.metadata.get("min", 0) <= len(value) <= shape.metadata.get("max", 1 << 20)
    return bounds and (not shape.enum or value in shape.enum)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kms: Kms

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.kms.faults.popleft() if self.kms.faults else ""
        verb = self.headers["X-Amz-Target"].removeprefix("TrentService.")
        try:
            asked = json.loads(body)
            self.kms.asked.append((verb, asked))
            self._check(verb, asked, fault)
            method = {"CreateKey": self.kms.create_key, "GetPublicKey": self.kms.get_public_key, "Sign": self.kms.sign}
            status, answer = 200, json.dumps(method[verb](asked)).encode()
        except Refused as refused:
            status, answer = refused.status, json.dumps({"__type": refused.name, "message": "no"}).encode()
        if fault == "garbage":
            answer = b"<html>a proxy's page</html>"
        if fault == "cut":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _check(self, verb: str, asked: dict[str, Any], fault: str) -> None:
        if self.headers["Content-Type"] != "application/x-amz-json-1.1":
            raise Refused("ValidationException")
        scope = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"
        if (
            not self.headers["Authorization"].startswith(scope)
            or "/us-east-1/kms/" not in self.headers["Authorization"]
        ):
            raise Refused("UnrecognizedClientException")
        if fault == "throttle":
            raise Refused("ThrottlingException")
        if fault == "broken":
            raise Refused("KMSInternalException", 500)
        if fault == "slow":
            time.sleep(0.6)
        check(MODEL.operation_model(verb), asked)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def running() -> Iterator[Kms]:
    """Serve a key management service on a free port of this machine."""
    kms = Kms()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OurHandler", (Handler,), {"kms": kms}))
    kms.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kms
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
