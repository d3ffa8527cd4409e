"""Bob says on the publish page that a source has an absolute share, and sees first what that leaves him."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from marketplace.catalog.models import Release
from marketplace.intake.models import Submission
from tests import packs
from tests.cast import Cast, on_stage
from tests.portal.sending import ADDRESS, answers, published, signed_in, upload


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def world(cast: Cast) -> Release:
    """Alice's world, which anybody may make something of and sell."""
    return published(signed_in(cast.alice.person), answers(offer__enterprise__price="900.00"))


def shares(release: Release) -> dict[str, int]:
    return {row.payee.handle: row.share_ppb for row in release.split.shares.select_related("payee")}


def made_with(reference: str, share: str, mode: str | None, number: int, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "handle": f"pack-{number}",
        "content": [upload(f"{number}.safetensors", packs.lora(number))],
        "element__0__files": f"{number}.safetensors",
        "parent__0__release": reference,
        "parent__0__share": share,
        "offer__personal__price": "",
        "offer__studio__price": "100.00",
    }
    given = answers(**(said | more))
    return given | ({"parent-0-mode": mode} if mode else {})


def test_bob_gives_alice_an_absolute_share_and_mo_keeps_it(
    cast: Cast, world: Release, django_assert_max_num_queries: Any
) -> None:
    bob, mo = signed_in(cast.bob.person), signed_in(cast.mo.person)
    offers = {"offer__enterprise__price": "900.00"}
    first = published(bob, made_with("alice/yunhai@1.0.0", "10", "absolute", 1, **offers))
    second = published(mo, made_with("bob/pack-1@1.0.0", "20", None, 2))

    assert shares(first) == {"alice": 100_000_000, "bob": 900_000_000}
    assert shares(second) == {"alice": 100_000_000, "bob": 180_000_000, "mo": 720_000_000}
    assert [link.mode for link in (*first.parents.all(), *second.parents.all())] == ["absolute", "relative"]

    # The page of each says who is paid first, and of a source what kind its share is.
    shown = Client().get("/packs/bob/pack-1").content.decode()
    assert "owed 10% of all sales" in shown
    with django_assert_max_num_queries(40):
        shown = Client().get("/packs/mo/pack-2").content.decode()
    assert "Paid first" in shown
    assert "Alice · 1.0.0 · 10%" in shown
    assert "owed 20%</span>" in shown
    assert "pays 10% of all sales" in Client().get("/packs/alice/yunhai").content.decode()
    assert "Paid first" not in Client().get("/packs/alice/yunhai").content.decode()

    # A new version starts from the same: the radio is where it was.
    page = bob.get("/portal/publish?from=pack-1").content.decode()
    assert 'name="parent-0-mode" value="absolute"' in page
    chosen = page.split('name="parent-0-mode" value="absolute"')[1].split(">")[0]
    assert "checked" in chosen


def net(page: str) -> str:
    return page.split("<net-price")[2].split("<output>")[1].split("</output>")[0]


def test_the_page_says_what_is_left_before_anything_is_published(cast: Cast, world: Release) -> None:
    bob = signed_in(cast.bob.person)
    published(bob, made_with("alice/yunhai@1.0.0", "10", "absolute", 1, offer__enterprise__price="900.00"))
    mo = signed_in(cast.mo.person)
    before = Submission.objects.count()

    # 100.00 less the fee of 10.00; of the 90.00 Alice has a tenth first, and Bob a fifth of what is left.
    sent = mo.post(ADDRESS, made_with("bob/pack-1@1.0.0", "20", "relative", 2, handle="No Slug"))
    assert sent.status_code == 422
    assert net(sent.content.decode()) == "$64.80"
    sent = mo.post(ADDRESS, made_with("bob/pack-1@1.0.0", "20", "absolute", 2, handle="No Slug"))
    assert net(sent.content.decode()) == "$63.00"

    told = sent.content.decode().split('data-sources="')[1].split('"')[0].replace("&quot;", '"')
    [source] = json.loads(told).values()
    assert list(source["absolute"]) == [world.digest]
    assert {key: Decimal(value) for key, value in source["absolute"].items()} == {world.digest: 100_000_000}
    assert Submission.objects.count() == before


def test_what_leaves_nothing_is_said_beside_the_sources(cast: Cast, world: Release) -> None:
    bob = signed_in(cast.bob.person)
    published(bob, made_with("alice/yunhai@1.0.0", "60", "absolute", 1, offer__enterprise__price="900.00"))
    mo = signed_in(cast.mo.person)
    before = Submission.objects.count()

    sent = mo.post(
        ADDRESS,
        made_with("bob/pack-1@1.0.0", "40", "absolute", 2),
    )

    page = sent.content.decode()
    assert sent.status_code == 422
    assert (
        "alice/yunhai@1.0.0: 60% and bob/pack-1@1.0.0: 40% are absolute shares in this work and leave nothing for its"
        " makers: agree on less." in page
    )
    assert Submission.objects.count() == before
    # A mode that no page offers is refused as a form refuses it.
    assert mo.post(ADDRESS, made_with("bob/pack-1@1.0.0", "4", "free", 2)).status_code == 422


def test_a_row_with_a_mode_and_nothing_else_is_no_source(cast: Cast) -> None:
    release = published(signed_in(cast.alice.person), answers(parent__1__mode="absolute"))
    assert release.parents.count() == 0
