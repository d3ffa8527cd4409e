"""The packs that recipes are written with, and what Carol asks for."""

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.checkout.models import OrderLine
from marketplace.compositions.checking import Checked, check_text
from marketplace.compositions.models import RecipeLock
from marketplace.compositions.operations import lock
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.terms.model import EVERYTHING, Use
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.models import Creator
from tests import packs
from tests.cast import CARD, NOON, Cast, later

FILM = Use(
    commercial="limited",
    revenue_usd=500_000,
    derivatives="private",
    territory=EVERYTHING,
    fields=EVERYTHING,
    media=EVERYTHING,
    seats=5,
)
"""A film of a company that takes in half a million dollars a year, by five people: what “studio” terms allow."""
HOBBY = Use(derivatives="private", territory=EVERYTHING, fields=EVERYTHING, media=EVERYTHING)
OFFERS = (("personal", "0", "USD"), ("studio", "100.01", "USD"), ("enterprise", "900", "USD"))
THREE = """|sky: clouds at dusk @alice/sea
|people: a crowd with lanterns @bob/night [box 0,0.5,1,1]
- style: ink wash @mo/ink
"""
_KEYS = count()


@dataclass(frozen=True)
class Stage:
    """Alice's sea in two versions, Bob's night and Mo's ink, all for SD 1.5; Mo's gold is for SDXL."""

    cast: Cast
    folder: Path
    sea: Release
    sea_11: Release
    night: Release
    ink: Release

    def publish(self, creator: Creator, handle: str, **more: Any) -> Release:
        return publish(self.folder, creator, handle, **more)

    def offer(self, release: Release, terms: str) -> Offer:
        return next(one for one in queries.live_offers(release) if one.terms.name == terms)

    def offering(self, release: Release, terms: str, price_minor: int, currency: str = "USD", **more: Any) -> Offer:
        price = Money(price_minor, currency)
        return licensing.offer(release=release, terms=READY[terms], price=price, now=later(minutes=2), **more)

    def withdraw(self, release: Release) -> None:
        for one in queries.live_offers(release):
            licensing.withdraw_offer(offer=one, now=later(minutes=30))

    def buy(self, *offers: Offer | checkout.Ask, now: datetime | None = None) -> list[Grant]:
        order = checkout.buy(
            studio=self.cast.studio,
            buyer=self.cast.carol,
            offers=offers,
            method=CARD,
            idempotency_key=f"stage-{next(_KEYS)}",
            now=now or later(hours=1),
        )
        return [Grant.objects.get(source=line.source) for line in OrderLine.objects.filter(order=order)]

    def check(self, text: str = THREE, use: Use = FILM, **more: Any) -> Checked:
        asked: dict[str, Any] = {"studio": self.cast.studio, "now": later(hours=2)}
        return check_text(text, use=use, **(asked | more))

    def lock(self, text: str = THREE, use: Use = FILM, **more: Any) -> RecipeLock:
        asked: dict[str, Any] = {"studio": self.cast.studio, "person": self.cast.carol, "now": later(hours=2)}
        return lock(recipe=text, use=use, **(asked | more))


def publish(folder: Path, creator: Creator, handle: str, *, base_model: str = "sd15", **more: Any) -> Release:
    """Publishes a small pack with one LoRA, its element `ink`, and a prompt set."""
    version = more.get("version", "1.0.0")
    there = packs.write(folder / f"{handle}-{version}", handle=handle, **({"offers": OFFERS} | more))
    toml = there / "pack.toml"
    said = toml.read_text(encoding="utf-8").replace('base_model = "sd15"', f'base_model = "{base_model}"')
    toml.write_text(said.replace('files = ["style', 'triggers = ["inkwash"]\nfiles = ["style'), encoding="utf-8")
    return publish_folder(folder=there, creator=creator, now=NOON)


def stage(cast: Cast, folder: Path) -> Stage:
    """Publishes what is on sale."""
    return Stage(
        cast,
        folder,
        sea=publish(folder, cast.alice, "sea", seed=11),
        sea_11=publish(folder, cast.alice, "sea", version="1.1.0", seed=12),
        night=publish(folder, cast.bob, "night", kind="characters", seed=13, title="Night Market"),
        ink=publish(folder, cast.mo, "ink", kind="style", seed=14, title="Ink Wash"),
    )
