"""What Alice and Bob read while a claim freezes what one work earned."""

import csv
import io
from pathlib import Path
from uuid import UUID

import pytest

from marketplace.catalog.models import Release
from marketplace.intake.operations import publish_folder
from marketplace.payouts import operations as payouts
from marketplace.payouts.queries import check_books
from tests import packs
from tests.cast import NOON, Cast, later, on_stage
from tests.portal.test_pages import page, sell, signed_in

CLAIM = UUID("00000000-0000-4000-8000-00000000c1a1")


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def frozen(cast: Cast, tmp_path: Path) -> Release:
    """A claim is open on Bob's work, of which Alice gets a fifth; it sold before the claim and after."""
    world = packs.write(tmp_path / "a", handle="yunhai", seed=1, offers=packs.SHARED)
    publish_folder(folder=world, creator=cast.alice, now=NOON)
    derived = packs.write(
        tmp_path / "b", handle="ink", title="Ink Harbor", seed=2, parents=[("alice/yunhai@1.0.0", 200_000_000)]
    )
    release = publish_folder(folder=derived, creator=cast.bob, now=NOON)
    sell(cast, release, "1", hours=1)
    payouts.allocate_royalties(now=later(hours=2))
    payouts.freeze(subject=f"release:{release.digest}", reason=f"claim:{CLAIM}", now=later(days=1))
    sell(cast, release, "2", days=2)
    payouts.allocate_royalties(now=later(days=3))
    assert check_books() == []
    return release


def test_what_is_frozen_says_why_since_when_and_how_much(cast: Cast, frozen: Release) -> None:
    text = page(signed_in(cast.bob.person), "/portal/earnings")

    for words in (
        "while a claim is open",
        "$72.01",
        "1 sale, $90.01 net",
        "Frozen since Nov 23, 2026: a claim is open",
    ):
        assert words in text, words
    assert f'href="/portal/claims/{CLAIM}"' in text
    assert "not shared out yet: it joins" not in text


def test_who_shares_in_the_work_reads_it_without_the_claim(cast: Cast, frozen: Release) -> None:
    text = page(signed_in(cast.alice.person), "/portal/earnings")

    for words in ("Ink Harbor", "A claim on this work", "$18.00", "1 sale, $90.01 net"):
        assert words in text, words
    assert str(CLAIM) not in text


def test_the_csv_names_the_reason(cast: Cast, frozen: Release) -> None:
    data = b"".join(signed_in(cast.alice.person).get("/portal/earnings.csv").streaming_content)

    [row] = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    told = {name: row[name] for name in ("amount", "state", "paid_at", "frozen", "frozen_at", "frozen_for")}
    assert told == {
        "amount": "18.00",
        "state": "frozen",
        "paid_at": "",
        "frozen": "18.00",
        "frozen_at": "2026-11-23T12:00:00Z",
        "frozen_for": f"claim:{CLAIM}",
    }


def test_thawed_nothing_of_it_is_left_on_the_page(cast: Cast, frozen: Release) -> None:
    payouts.thaw(subject=f"release:{frozen.digest}", reason=f"claim:{CLAIM}", now=later(days=4))

    text = page(signed_in(cast.bob.person), "/portal/earnings")

    assert "Frozen" not in text
    assert "1 sale is sold and not shared out yet" in text
