"""The way of a pack: upload → publish → derive → buy → credit → seal → anchor → verify → payout, with exact figures."""

import json
import subprocess
import sys
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

import ledger.operations
import ledger.queries
from embedded.leash import Leash
from ledger.chain.deployment import deploy_anchor
from marketplace.catalog.models import Release
from marketplace.checkout import operations as checkout
from marketplace.checkout.models import Order
from marketplace.intake.operations import publish_folder
from marketplace.licensing import bundles
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Grant
from marketplace.payouts import operations as payouts
from marketplace.payouts import queries as books
from marketplace.payouts.models import SplitShare
from marketplace.people.models import Creator
from tests import packs
from tests.cast import CARD, DECLINED_CARD, NOON, Cast, later, on_stage

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def cast(db: None) -> Cast:
    return on_stage()


@pytest.fixture
def chain(tmp_path: Path, settings: pytest.FixtureRequest) -> object:
    """The embedded chain, real and empty, with the contract on it."""
    folder = settings.DATA_FOLDER / "chain"
    folder.mkdir()
    command = [sys.executable, "-m", "ledger.chain.devchain", "--folder", str(folder)]
    leashed = Leash.start("chain", command, cwd=HOME, log=tmp_path / "chain.log")
    end = time.monotonic() + 30
    while not (folder / "endpoint").exists():
        assert time.monotonic() < end, (tmp_path / "chain.log").read_text()
        assert leashed.poll() is None, (tmp_path / "chain.log").read_text()
        time.sleep(0.01)
    deploy_anchor(now=NOON)
    yield folder
    leashed.stop()


def publish_family(cast: Cast, folder: Path) -> tuple[Release, Release]:
    """Alice and Mo make a world; Bob derives from it and owes them a fifth."""
    split = [("alice", 700_000_000), ("mo", 300_000_000)]
    world = packs.write(folder / "yunhai", handle="yunhai", split=split, seed=1, offers=packs.SHARED)
    derived = packs.write(
        folder / "ink", handle="ink", title="Ink Harbor", seed=2, parents=[("alice/yunhai@1.0.0", 200_000_000)]
    )
    return (
        publish_folder(folder=world, creator=cast.alice, now=NOON),
        publish_folder(folder=derived, creator=cast.bob, now=later(hours=1)),
    )


def shares(release: Release) -> dict[str, int]:
    rows = SplitShare.objects.filter(split=release.split)
    return {Creator.objects.get(pk=row.payee_id).handle: row.share_ppb for row in rows}


def balance(creator: Creator) -> books.Balance:
    (found,) = books.balances_of(creator)
    return found


def buy(cast: Cast, release: Release, *, card: str = CARD, key: str = "order-1") -> Order:
    (offer,) = licensing.live_offers(release)
    return checkout.buy(
        studio=cast.studio, buyer=cast.carol, offers=[offer], method=card, idempotency_key=key, now=later(hours=2)
    )


def test_a_world_goes_from_a_folder_to_a_verified_license_and_the_money_to_the_cent(
    cast: Cast, chain: Path, tmp_path: Path
) -> None:
    world, derived = publish_family(cast, tmp_path)
    assert shares(world) == {"alice": 700_000_000, "mo": 300_000_000}
    assert shares(derived) == {"alice": 140_000_000, "bob": 800_000_000, "mo": 60_000_000}

    order = buy(cast, derived)
    assert (order.total_minor, order.currency) == (10_001, "USD")
    grant = Grant.objects.get()

    # 10001 less the fee of 1000 is 9001: 1260.14 + 7200.80 + 540.06, and the odd cent goes to the largest remainder.
    payouts.allocate_royalties(now=later(hours=3))
    assert [balance(who).pending_minor for who in (cast.alice, cast.bob, cast.mo)] == [1260, 7201, 540]

    batch = ledger.operations.seal(now=later(hours=4))
    assert batch is not None
    receipt = ledger.operations.anchor(now=later(hours=4))
    assert receipt is not None
    assert receipt.intent.checkpoint == batch.checkpoint
    # assets 3 + 3 − the cover differs, so 6; splits 2; releases 2, each with its model signature; offers 2;
    # keys 4 and those of Alice and Bob; grant 1
    assert ledger.queries.log_counts().by_type == {
        "asset": 6, "split": 2, "release": 2, "dsse": 2, "offer": 2, "key": 6, "grant": 1,
    }  # fmt: skip

    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(b"".join(bundles.stream(grant, site="http://testserver")))
    assert verify(bundle).returncode == 0, verify(bundle).stdout
    assert "alice" not in verify(bundle).stdout
    assert "bob/ink 1.0.0" in verify(bundle).stdout
    assert_every_altered_member_is_refused(bundle, tmp_path)

    hold = timedelta(days=settings.PAYOUT_HOLD_DAYS)
    payouts.release_holds(now=later(hours=3) + hold - timedelta(seconds=1))
    assert balance(cast.bob).available_minor == 0
    payouts.release_holds(now=later(hours=3) + hold)
    payouts.settle(now=later(hours=3) + hold)
    assert [balance(who).paid_minor for who in (cast.alice, cast.bob, cast.mo)] == [1260, 7201, 540]
    assert books.paid_total() == {"USD": 9001}
    (line,), _more = books.lines_of(cast.alice)
    assert (line.source, line.amount_minor, line.share_ppb, line.state) == (
        order.lines.get().source, 1260, 140_000_000, "paid",
    )  # fmt: skip
    assert books.check_books() == []


def verify(bundle: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "ledger.verify", str(bundle)]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False, timeout=60)


def assert_every_altered_member_is_refused(bundle: Path, folder: Path) -> None:
    """Flips one byte in the middle of each member in turn; nothing binds the hint of where to ask the chain."""
    with zipfile.ZipFile(bundle) as source:
        members = {name: source.read(name) for name in source.namelist()}
    assert {"manifest.json", "checkpoint", "certificate.jws", "files/style.safetensors"} <= members.keys()
    for altered in sorted(members.keys() - {"anchor.json"}):
        path = folder / "altered.zip"
        with zipfile.ZipFile(path, "w") as target:
            for name, data in members.items():
                flipped = bytearray(data)
                if name == altered:
                    flipped[len(flipped) // 2] ^= 1
                target.writestr(name, bytes(flipped))
        answer = verify(path)
        assert answer.returncode == 1, (altered, answer.stdout)
        assert answer.stdout.startswith("FAILED"), altered


def test_a_second_upload_of_the_same_bytes_stores_nothing_twice(cast: Cast, tmp_path: Path) -> None:
    publish_folder(folder=packs.write(tmp_path / "a", handle="one", seed=5), creator=cast.alice, now=NOON)
    before = sorted(path.name for path in (settings.DATA_FOLDER / "blobs").rglob("*") if path.is_file())
    publish_folder(folder=packs.write(tmp_path / "b", handle="two", seed=5), creator=cast.alice, now=NOON)

    assert sorted(path.name for path in (settings.DATA_FOLDER / "blobs").rglob("*") if path.is_file()) == before


def test_the_same_folder_again_is_the_same_release(cast: Cast, tmp_path: Path) -> None:
    folder = packs.write(tmp_path / "a", handle="one")
    first = publish_folder(folder=folder, creator=cast.alice, now=NOON)

    assert publish_folder(folder=folder, creator=cast.alice, now=later(days=1)) == first
    assert Release.objects.count() == 1
    assert json.loads(bytes(first.manifest))["published_at"] == "2026-11-22T12:00:00Z"


def test_a_declined_card_buys_nothing(cast: Cast, tmp_path: Path) -> None:
    _world, derived = publish_family(cast, tmp_path)

    with pytest.raises(checkout.PaymentDeclined, match="declined"):
        buy(cast, derived, card=DECLINED_CARD)

    assert Grant.objects.count() == 0
    assert books.trial_balance() == []
    assert payouts.allocate_royalties(now=later(hours=3)) == []


def test_the_same_key_buys_once(cast: Cast, tmp_path: Path) -> None:
    _world, derived = publish_family(cast, tmp_path)

    assert buy(cast, derived) == buy(cast, derived)
    assert Grant.objects.count() == 1
    with pytest.raises(checkout.KeyUsedOtherwise):
        buy(cast, derived, card=DECLINED_CARD)


def test_no_license_allows_training_that_the_creator_does_not_consent_to(cast: Cast, tmp_path: Path) -> None:
    closed = packs.write(tmp_path / "closed", handle="closed", seed=1)
    opened = packs.write(tmp_path / "opened", handle="opened", seed=2)
    text = (opened / "pack.toml").read_text()
    (opened / "pack.toml").write_text(text.replace('base_model = "sd15"', 'ai_training = "with-license"'))

    terms = {}
    for folder in (closed, opened):
        (offer,) = licensing.live_offers(publish_folder(folder=folder, creator=cast.alice, now=NOON))
        terms[folder.name] = (licensing.terms_of(offer.terms).ai_training, "No AI training" in offer.terms.text_en)
    assert terms == {"closed": ("none", True), "opened": ("own", False)}
