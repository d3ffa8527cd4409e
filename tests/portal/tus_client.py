"""A client for tests that speaks tus, header by header."""

import base64
import hashlib
from typing import Any

from django.test import Client

from marketplace.people import operations as people
from marketplace.people.models import Person
from tests.cast import NOON

BYTES = bytes(range(256)) * 30
SHA256 = hashlib.sha256(BYTES).hexdigest()
AT = "/portal/uploads/"
OFFSET_TYPE = "application/offset+octet-stream"
NAME = "filename " + base64.b64encode("水墨.png".encode()).decode()


def quick(name: str, *, sells: bool = True) -> Person:
    """Somebody without a password, whose digest takes its time."""
    person = Person.objects.create(email=f"{name}@example.com", display_name=name.title(), joined_at=NOON)
    if sells:
        people.become_creator(person=person, handle=name, now=NOON)
    return person


class Tus:
    """A client that speaks tus and nothing more."""

    def __init__(self, person: Person | None = None, key: str = "", **options: Any) -> None:
        self.client = Client(**options)
        self.always = {"Tus-Resumable": "1.0.0"} | ({"Authorization": f"Bearer {key}"} if key else {})
        if person:
            self.client.force_login(person)

    def ask(self, method: str, at: str = AT, data: bytes = b"", type: str = OFFSET_TYPE, **headers: Any) -> Any:
        named = self.always | {name.replace("_", "-"): str(value) for name, value in headers.items()}
        named = {name: value for name, value in named.items() if value != "None"}
        return self.client.generic(method, at, data, content_type=type, headers=named)

    def begun(self, size_bytes: int = len(BYTES), **headers: Any) -> str:
        answer = self.ask("POST", type="", Upload_Length=size_bytes, **{"Upload_Metadata": NAME} | headers)
        assert answer.status_code == 201, answer.content
        return str(answer["Location"])

    def sent(self, at: str, data: bytes, offset: int = 0, **headers: Any) -> Any:
        return self.ask("PATCH", at, data, Upload_Offset=offset, **headers)


def code_of(answer: Any) -> str:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    return str(body["code"])


def checksum(algorithm: str, data: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"
