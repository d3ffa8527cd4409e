"""Carol's render farm: a key of its own, locks of recipes, and uses that it signs."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from marketplace.catalog.models import Release
from marketplace.compositions.lockfile import Lock, LockedLayer, LockedRef
from marketplace.compositions.models import LockedPack, RecipeLock
from marketplace.compositions.usage import accepting
from marketplace.compositions.uses import UsageKey
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.models import Person, Studio
from tests.cast import NOON, later

TYPE = "application/vnd.worldloom.usage+json"
WHOLE = 1_000_000_000
_NUMBERS = count(1)


def metered(release: Release, unit: str = "image", minor: int = 5, terms: str = "enterprise") -> Offer:
    """An offer at so much a unit, in dollars."""
    return licensing.offer(
        release=release, terms=READY[terms], price=Money(minor, "USD"), model="metered", unit=unit, now=NOON
    )


def granted(offer: Offer, studio: Studio, **more: Any) -> Grant:
    """A license from 14:00 on."""
    asked = {"source": f"order-line:render-{next(_NUMBERS)}", "now": later(hours=2)}
    return licensing.grant(offer=offer, studio=studio, **(asked | more))


def locked(studio: Studio, person: Person, *layers: Grant | Offer | Release, title: str = "") -> RecipeLock:
    """A lock whose layers are licensed, only offered, or the studio's own."""
    shares = [WHOLE // len(layers) + (WHOLE % len(layers) if place == 0 else 0) for place in range(len(layers))]
    rows, told = [], []
    for place, (layer, share) in enumerate(zip(layers, shares, strict=True)):
        release = layer if isinstance(layer, Release) else layer.release
        grant = layer if isinstance(layer, Grant) else None
        offer = grant.offer if grant else layer if isinstance(layer, Offer) else None
        pack = str(release.pack)
        ref = LockedRef(pack, release.version, release.digest, share_ppb=share, grant=str(grant.pk) if grant else "")
        told.append(LockedLayer(f"layer{place + 1}", title or "clouds", refs=(ref,)))
        rows.append(
            {"position": place, "layer": f"layer{place + 1}", "release": release, "grant": grant, "offer": offer,
             "weight_ppm": 1_000_000, "share_ppb": share}
        )  # fmt: skip
    lock = Lock(recipe={"format": "worldloom/recipe/1"}, layers=tuple(told), licensee=str(studio.pk))
    row = RecipeLock.objects.create(
        digest=lock.digest, studio=studio, document=lock.document(), locked_by=person, locked_at=later(hours=2)
    )
    LockedPack.objects.bulk_create(LockedPack(lock=row, **values) for values in rows)
    return row


@dataclass(frozen=True)
class Farm:
    """A program that renders for a studio, and signs what it made."""

    studio: Studio
    key: UsageKey
    private: Ed25519PrivateKey

    def event(self, lock: RecipeLock, at: datetime | int | None = None, **more: Any) -> dict[str, Any]:
        moment = later(hours=3) if at is None else at
        seconds = moment if isinstance(moment, int) else int(moment.timestamp())
        nonce = str(UUID(int=next(_NUMBERS), version=4))
        return {"nonce": nonce, "recipe": lock.digest, "at": seconds, "counts": {"image": 1}, "outputs": []} | more

    def batch(self, events: Sequence[Any], **more: Any) -> bytes:
        return json.dumps(
            {"format": "worldloom/usage/1", "studio": str(self.studio.pk), "events": events} | more
        ).encode()

    def sign(self, payload: bytes, **more: Any) -> bytes:
        """Wraps a payload as DSSE has it; `more` takes the place of members."""
        signature = self.private.sign(b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload))
        envelope = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": TYPE,
            "signatures": [{"keyid": self.key.kid, "sig": base64.b64encode(signature).decode()}],
        }
        return json.dumps(envelope | more).encode()

    def said(self, *events: Any, **more: Any) -> bytes:
        return self.sign(self.batch(events, **more))

    def send(self, *events: Any, now: datetime | None = None) -> accepting.Accepted:
        return accepting.accept(studio=self.studio, envelope=self.said(*events), now=now or later(hours=3))


def farm_of(studio: Studio, person: Person, seed: int = 1) -> Farm:
    """A farm with a key that is registered."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = accepting.add_usage_key(studio=studio, person=person, public_key=pem, name=f"farm {seed}", now=NOON)
    return Farm(studio, key, private)
