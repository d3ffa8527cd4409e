"""Port to the providers: one HTTP request, one answer; what an adapter must not do is written here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: `seconds` are for all of it, `limit_bytes` is the most that an answer's body may have."""

    method: str
    url: str
    seconds: int
    limit_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Client(Protocol):
    """Sends requests to strangers."""

    def send(self, request: Request) -> Answer:
        """This will send a request once, to a public address alone, and follow no redirect.

        Raises ServiceFault: `service-gone` or `service-slow`, which may pass, `service-private` and `too-large`.
        """
        ...
