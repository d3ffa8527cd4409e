"""The play: demo people publish, derive, buy, are paid and are sealed, through the operations that people use.

Every step looks at what is there and adds what is missing, so that a play cut off anywhere ends like one that was not.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils import timezone

import ledger.operations
import ledger.queries
from demo.worlds.contents import PACKS, Pack
from ledger.models import AnchorIntent
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order
from marketplace.compositions import operations as compositions
from marketplace.compositions.models import Recipe, RecipeLock
from marketplace.intake.operations import draw_missing, publish_folder
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Offer
from marketplace.licensing.terms.model import EVERYTHING, Scope, Use
from marketplace.payouts import operations as payouts
from marketplace.payouts import queries as books
from marketplace.people import operations as people
from marketplace.people import queries as known
from marketplace.people.models import Person, Studio

PASSWORD = "worldloom-demo"
ANCHOR_TRIES = 50
PAYS, DECLINED, DISPUTED = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0000 0000 0259"


@dataclass(frozen=True)
class Role:
    """One of the cast: who they are, and what they sell as or buy for."""

    email: str
    name: str
    language: str
    handle: str = ""
    bio: str = ""
    studio: str = ""


CAST = (
    Role("alice@example.com", "云岫 Yunxiu", "zh-hans", "alice", "造云海的人。Builds worlds above the weather."),
    Role("bob@example.com", "Bob Marlowe", "en", "bob", "Derives, remixes, and pays his sources."),
    Role("mo@example.com", "墨白 Mo", "zh-hans", "mo", "一支笔，一池墨。Ink on wet paper."),
    Role("hu@example.com", "Hu Lin 胡霖", "en", "hu", "Harbors, deserts, and the light between them."),
    Role("carol@example.com", "Carol Reyes", "en", studio="Lantern Films 灯笼影业"),
    Role("dave@example.com", "Dave Quill", "en", studio="Quill & Daughters"),
)


@dataclass(frozen=True)
class Purchase:
    """Who buys which packs under which terms, and with which card."""

    buyer: str
    packs: tuple[str, ...]
    terms: str
    card: str = PAYS


PURCHASES = (
    Purchase("carol@example.com", ("alice/yunhai", "hu/neon-harbor"), "studio"),
    Purchase("carol@example.com", ("bob/ink-neon",), "studio"),
    Purchase("carol@example.com", ("alice/yunhai-night",), "studio"),
    Purchase("carol@example.com", ("mo/ink-style",), "enterprise"),
    Purchase("dave@example.com", ("bob/moon-rabbits",), "personal"),
    Purchase("dave@example.com", ("mo/ink-style",), "personal", DECLINED),
    Purchase("dave@example.com", ("hu/cactus-planet",), "personal", DISPUTED),
    Purchase("dave@example.com", ("bob/ink-neon",), "personal"),
)


@dataclass(frozen=True)
class Woven:
    """A recipe that somebody keeps for their studio and locks with the licenses that it has."""

    author: str
    title: str
    text: str


RECIPES = (
    Woven(
        "carol@example.com",
        "Shot 12: the harbor",
        "| layer1: wanderer, red cloak @ alice/yunhai/yunhai-lora [box 0,0,0.5,1]\n"
        "| layer2: night market in the rain @ hu/neon-harbor/harbor-lora [rest]\n"
        "- style: ink wash @ mo/ink-style*0.8\n",
    ),
    Woven(
        "carol@example.com",
        "第 12 镜：港口",
        "｜图层一：行人，红斗篷＠alice/yunhai/yunhai-lora［框 0，0，0.5，1］\n"
        "｜图层二：雨中夜市＠hu/neon-harbor/harbor-lora［其余］\n"
        "－风格：水墨＠mo/ink-style＊0.8\n",
    ),
)


IN_FILMS = Use(
    commercial="limited",
    revenue_usd=500_000,
    derivatives="private",
    territory=EVERYTHING,
    fields=Scope(frozenset({"film"})),
    media=Scope(frozenset({"still-image", "video"})),
)


@dataclass(frozen=True)
class Outcome:
    """What the play left behind, counted."""

    packs: int
    grants: int
    entries: int
    anchors: int
    paid: dict[str, int]

    def line(self) -> str:
        """One line for people and scripts."""
        paid = " ".join(f"{currency}={amount}" for currency, amount in sorted(self.paid.items()))
        return (
            f"packs={self.packs} grants={self.grants} entries={self.entries} anchors={self.anchors} "
            f"paid_minor: {paid or 'none'}"
        )


def play(*, drawn: Callable[[Pack], Path], clock: Callable[[], datetime] = timezone.now) -> Iterator[str]:
    """This will play the demo step by step, saying each before it is done; `drawn` gives a pack's folder, whole."""
    yield "people take the stage"
    for role in CAST:
        enter(role, now=clock())
    for pack in PACKS:
        if catalog.release(pack.creator, pack.handle) is None:
            yield f"{pack.creator} publishes {pack.handle}"
            publish(pack, folder=drawn(pack), now=clock())
    # A play that was killed between a publication and its pictures makes them now.
    draw_missing(now=clock())
    for number, purchase in enumerate(PURCHASES, start=1):
        key = f"demo:{number}"
        if not is_settled(purchase, key=key):
            yield f"{purchase.buyer.partition('@')[0]} licenses {', '.join(purchase.packs)}"
            buy(purchase, key=key, now=clock())
    for woven in RECIPES:
        yield f"{woven.author.partition('@')[0]} weaves {woven.title}"
        weave(woven, now=clock())
    yield "the payment gateway reports"
    checkout.finish_orders(now=clock())
    checkout.collect_events(now=clock())
    yield "royalties are allocated"
    payouts.allocate_royalties(now=clock())
    payouts.release_holds(now=clock())
    yield "creators are paid"
    payouts.settle(now=clock())
    yield "the log is sealed"
    ledger.operations.register_keys(now=clock())
    ledger.operations.seal(now=clock())
    yield "its checkpoint is anchored on chain"
    anchor(clock=clock)
    ledger.operations.seal(now=clock())
    yield "its index is committed"
    ledger.operations.commit_index(now=clock())
    ledger.operations.seal(now=clock())


def anchor(*, clock: Callable[[], datetime]) -> None:
    """This will anchor the checkpoint, and give a chain that is not our own a moment to put it into a block."""
    for _ in range(ANCHOR_TRIES):
        if ledger.operations.anchor(now=clock()) is not None or not AnchorIntent.objects.filter(receipt=None).exists():
            return
        time.sleep(0.1)


def publish(pack: Pack, *, folder: Path, now: datetime) -> None:
    """This will publish a pack as its creator does."""
    creator = known.creator_named(pack.creator)
    if creator is None:
        raise LookupError(f"The demo has no creator {pack.creator}.")
    publish_folder(folder=folder, creator=creator, now=now)


def enter(role: Role, *, now: datetime) -> Person:
    """This will bring one of the cast on stage: account, name to sell under, studio to buy for."""
    person = Person.objects.filter(email=role.email).first()
    if person is None:
        person = people.sign_up(
            email=role.email, password=PASSWORD, display_name=role.name, language=role.language, now=now
        )
    if role.handle and known.creator_of(person) is None:
        people.become_creator(person=person, handle=role.handle, display_name=role.name, bio=role.bio, now=now)
    if role.studio and not known.studios_of(person).exists():
        people.open_studio(person=person, name=role.studio, now=now)
    return person


def is_settled(purchase: Purchase, *, key: str) -> bool:
    """This will tell whether the purchase came to its end before; offers may have changed hands since."""
    placed = Order.objects.filter(buyer__email=purchase.buyer, idempotency_key=key)
    return placed.exclude(outcome=None).exists()


def buy(purchase: Purchase, *, key: str, now: datetime) -> None:
    """This will buy once; a declined card is part of the play."""
    person = Person.objects.get(email=purchase.buyer)
    studio: Studio | None = known.buying_studio(person)
    if studio is None:
        raise LookupError(f"{person} buys for no studio.")
    offers = [_offer(pack, purchase.terms) for pack in purchase.packs]
    try:
        checkout.buy(studio=studio, buyer=person, offers=offers, method=purchase.card, idempotency_key=key, now=now)
    except checkout.PaymentDeclined:
        if purchase.card != DECLINED:
            raise


def weave(woven: Woven, *, now: datetime) -> None:
    """This will keep a recipe once, and lock it once, for the studio of its author."""
    person = Person.objects.get(email=woven.author)
    studio: Studio | None = known.buying_studio(person)
    if studio is None:
        raise LookupError(f"{person} buys for no studio.")
    recipe = Recipe.objects.filter(studio=studio, texts__title=woven.title).first()
    if recipe is None:
        recipe = compositions.keep(person=person, title=woven.title, text=woven.text, studio=studio, now=now)
    if not RecipeLock.objects.filter(recipe=recipe).exists():
        compositions.lock(recipe=woven.text, studio=studio, person=person, use=IN_FILMS, recipe_row=recipe, now=now)


def _offer(pack: str, terms: str) -> Offer:
    creator, _, handle = pack.partition("/")
    release: Release | None = catalog.release(creator, handle)
    offers: Sequence[Offer] = licensing.live_offers(release) if release else []
    for offer in offers:
        if offer.terms.name == terms:
            return offer
    raise LookupError(f"{pack} is not offered under {terms}.")


def outcome() -> Outcome:
    """This will count what is there."""
    counts = ledger.queries.log_counts()
    return Outcome(
        packs=catalog.packs_total(),
        grants=licensing.granted_total(),
        entries=counts.size,
        anchors=counts.anchors,
        paid=books.paid_total(),
    )
