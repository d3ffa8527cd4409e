"""Studios as programs: each calls the API with its key."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.test import Client

from marketplace.catalog.models import Release
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.people import operations as people
from marketplace.people.models import ApiKey, Person
from marketplace.people.models import Studio as StudioRow
from tests.cast import CARD, NOON, Cast


@dataclass(frozen=True)
class Market:
    """Who is there, and what is on sale: Alice's world under three offers, and what Bob derived from it under one."""

    cast: Cast
    world: Release
    derived: Release

    def offer(self, terms: str = "studio", release: Release | None = None) -> Offer:
        return next(one for one in licensing.live_offers(release or self.world) if one.terms.name == terms)


@dataclass(frozen=True)
class Studio:
    """A program with a key, or without one."""

    secret: str = ""
    key: ApiKey | None = None
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def headers(self, more: dict[str, str]) -> dict[str, str]:
        return ({"Authorization": f"Bearer {self.secret}"} if self.secret else {}) | more

    def get(self, path: str, **more: str) -> Any:
        return self.call("GET", path, **more)

    def call(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json", **more: str
    ) -> Any:
        sent = {name.replace("_", "-"): value for name, value in more.items()}
        return self.client.generic(
            method, "/api/v1" + path, body, content_type=content_type, headers=self.headers(sent)
        )

    def send(self, method: str, path: str, body: Any, *, key: str = "k", **more: str) -> Any:
        """Sends a body under an idempotency key, which reads and what is put by name do not mind."""
        return self.call(method, path, json.dumps(body).encode(), Idempotency_Key=key, **more)

    def order(self, *offers: Offer | UUID | str, card: str | None = CARD, key: str = "order-1", **more: str) -> Any:
        body: dict[str, Any] = {"offers": [str(getattr(offer, "pk", offer)) for offer in offers]}
        if card is not None:
            body["payment"] = {"card": card}
        sent = self.headers({"Idempotency-Key": key, **more})
        return self.client.post("/api/v1/orders", body, content_type="application/json", headers=sent)


def key_of(studio: StudioRow, person: Person) -> Studio:
    """A program of the studio, with a fresh key."""
    key, secret = people.issue_key(studio=studio, by=person, name="pipeline", now=NOON)
    return Studio(secret, key)


ANYBODY = Studio()
