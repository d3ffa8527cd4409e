"""Nobody sells what they may not: Alice's terms bind what Bob makes from her work."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.models import Entry
from marketplace.catalog.models import Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.intake import operations
from marketplace.intake.models import Submission
from marketplace.licensing import operations as licensing
from marketplace.licensing import queries
from marketplace.licensing.models import Offer
from marketplace.licensing.parentage import BeyondParents
from marketplace.licensing.terms.model import Terms, only
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people import operations as people
from marketplace.ui.formats import sentence
from tests import packs
from tests.cast import NOON, Cast, later
from tests.intake.stage import hand_in, traces

SOURCE = [("alice/clouds@1.0.0", 200_000_000)]
STUDIO, ENTERPRISE = ("studio", "100.01", "USD"), ("enterprise", "900.00", "USD")


def clouds(cast: Cast, folder: Path, *offers: tuple[str, str, str]) -> Release:
    """Alice's world, under these offers."""
    written = packs.write(folder / "clouds", handle="clouds", offers=offers)
    return operations.publish_folder(folder=written, creator=cast.alice, now=NOON)


def mist(cast: Cast, folder: Path, *offers: tuple[str, str, str], **fields: object) -> Release:
    """Bob's world, made from hers."""
    values = {"handle": "mist", "seed": 2, "parents": SOURCE, "offers": offers, **fields}
    written = packs.write(folder / str(values["handle"]), **values)  # type: ignore[arg-type]
    return operations.publish_folder(folder=written, creator=cast.bob, now=later(hours=2))


def reasons(refused: UnableToPublish | BeyondParents) -> list[tuple[str, str]]:
    return [(finding.where, sentence(finding)) for finding in refused.findings]


def test_bob_sells_what_alice_lets_him_share(cast: Cast, tmp_path: Path) -> None:
    clouds(cast, tmp_path, STUDIO, ENTERPRISE)
    release = mist(cast, tmp_path, STUDIO, ENTERPRISE)
    assert [offer.terms.name for offer in queries.live_offers(release)] == ["studio", "enterprise"]


def test_bob_may_not_sell_what_he_may_not_share_and_nothing_is_left(cast: Cast, tmp_path: Path) -> None:
    clouds(cast, tmp_path, STUDIO)
    before = traces()
    with pytest.raises(UnableToPublish) as refused:
        mist(cast, tmp_path, STUDIO)
    assert reasons(refused.value) == [
        (
            "offers",
            "Nothing made from alice/clouds@1.0.0 may be sold, for the offer “studio” of alice/clouds@1.0.0 says"
            " “Change it for your own projects”: get a license of it that lets you share what you make, or leave the"
            " offers out.",
        )
    ]
    assert traces() == before


def test_without_offers_there_is_nothing_to_refuse(cast: Cast, tmp_path: Path) -> None:
    clouds(cast, tmp_path, STUDIO)
    assert mist(cast, tmp_path).offers.count() == 0


def test_a_hand_in_is_refused_before_anything_waits(cast: Cast, tmp_path: Path) -> None:
    clouds(cast, tmp_path, STUDIO)
    written = packs.write(tmp_path / "mist", handle="mist", seed=2, parents=SOURCE)
    with pytest.raises(UnableToPublish):
        hand_in(cast.bob, written, later(hours=1))
    assert Submission.objects.filter(creator=cast.bob).count() == 0


def test_a_license_held_is_a_basis_and_one_that_was_revoked_is_none(cast: Cast, tmp_path: Path) -> None:
    world = clouds(cast, tmp_path, STUDIO)
    own = licensing.offer(release=world, terms=READY["enterprise"], price=Money(90_000, "USD"), now=NOON)
    studio = people.open_studio(person=cast.bob.person, name="Bob's", now=NOON)
    grant = licensing.grant(offer=own, studio=studio, source="order-line:1", now=later(hours=1))
    licensing.withdraw_offer(offer=own, now=later(hours=1))

    assert mist(cast, tmp_path, STUDIO).offers.count() == 1

    licensing.set_status(grant=grant, status="revoked", reason="refunded", now=later(hours=1))
    with pytest.raises(UnableToPublish):
        mist(cast, tmp_path, STUDIO, handle="dew", seed=3)
    assert Release.objects.filter(pack__handle="dew").count() == 0


def test_an_offer_on_request_and_an_exclusive_one_are_for_those_who_get_them(cast: Cast, tmp_path: Path) -> None:
    world = clouds(cast, tmp_path, STUDIO)
    licensing.offer(release=world, terms=READY["enterprise"], price=Money(0, "USD"), model="on-request", now=NOON)
    licensing.offer(release=world, terms=READY["exclusive"], price=Money(900, "USD"), now=NOON)
    with pytest.raises(UnableToPublish):
        mist(cast, tmp_path, STUDIO)


def narrow(**changes: object) -> Terms:
    return replace(READY["enterprise"], name="narrow", **changes)  # type: ignore[arg-type]


def test_each_finding_names_offer_parent_and_both_sides(cast: Cast, tmp_path: Path) -> None:
    world = clouds(cast, tmp_path)
    terms = narrow(territory=only("CN", "JP"), credit_required=True, ai_training="none")
    licensing.offer(release=world, terms=terms, price=Money(5, "USD"), now=NOON)
    with pytest.raises(UnableToPublish) as refused:
        mist(cast, tmp_path, STUDIO, ENTERPRISE)
    assert reasons(refused.value) == [
        (
            "offers",
            "The offer “studio” says “Everywhere”, but the offer “narrow” of alice/clouds@1.0.0 says “Only in China and"
            " Japan”: allow less there, or get a license of it that allows more.",
        ),
        (
            "offers",
            "The offer “enterprise” says “Everywhere”, but the offer “narrow” of alice/clouds@1.0.0 says “Only in China"
            " and Japan”: allow less there, or get a license of it that allows more.",
        ),
        (
            "offers",
            "The offer “enterprise” says “No credit needed”, but the offer “narrow” of alice/clouds@1.0.0 says “Credit"
            " the creator by name”: require credit too, or get a license of it that does not.",
        ),
    ]


def test_an_offer_that_is_made_later_is_looked_at_too(cast: Cast, tmp_path: Path) -> None:
    clouds(cast, tmp_path, ENTERPRISE)
    release = mist(cast, tmp_path, STUDIO)
    before = Entry.objects.count(), Offer.objects.count()
    with pytest.raises(BeyondParents) as refused:
        licensing.offer(release=release, terms=READY["cc0-1.0"], price=Money(0, "USD"), now=later(hours=3))
    assert {where for where, _said in reasons(refused.value)} == {"offers"}
    assert "“Pass the files on as they are”" in str(refused.value)
    assert (Entry.objects.count(), Offer.objects.count()) == before

    licensing.offer(release=release, terms=READY["enterprise"], price=Money(7, "USD"), now=later(hours=3))
    assert Offer.objects.filter(release=release).count() == 2


def test_the_same_offer_again_stays_when_alice_changes_her_mind(cast: Cast, tmp_path: Path) -> None:
    world = clouds(cast, tmp_path, ENTERPRISE)
    release = mist(cast, tmp_path, STUDIO)
    licensing.withdraw_offer(offer=world.offers.get(), now=later(hours=3))
    again = licensing.offer(release=release, terms=READY["studio"], price=Money(10_001, "USD"), now=later(hours=4))
    assert again == release.offers.get()
    with pytest.raises(BeyondParents):
        licensing.offer(release=release, terms=READY["personal"], price=Money(1, "USD"), now=later(hours=4))


def test_ones_own_work_is_no_limit_but_what_it_was_made_from_is(cast: Cast, tmp_path: Path) -> None:
    """Bob cannot get rid of Alice's terms by a step of his own in between."""
    world = clouds(cast, tmp_path)
    licensing.offer(
        release=world,
        terms=narrow(territory=only("CN"), royalty_ppb=100_000_000),
        price=Money(5, "USD"),
        now=NOON,
    )
    mist(cast, tmp_path)  # no offers: nothing to refuse
    with pytest.raises(UnableToPublish) as refused:
        mist(cast, tmp_path, STUDIO, handle="dew", seed=3, parents=[("bob/mist@1.0.0", 400_000_000)])
    assert [where for where, _said in reasons(refused.value)] == ["offers", "derived_from"]
    assert reasons(refused.value)[1][1].endswith("and it gets 8% here: raise its share.")

    own = operations.publish_folder(
        folder=packs.write(tmp_path / "own", handle="own", seed=4, offers=[("personal", "1.00", "USD")]),
        creator=cast.bob,
        now=NOON,
    )
    assert own.offers.count() == 1
    more = mist(cast, tmp_path, ENTERPRISE, handle="more", seed=5, parents=[("bob/own@1.0.0", 100_000_000)])
    assert more.offers.count() == 1


def test_consent_to_train_counts_on_both_sides(cast: Cast, tmp_path: Path) -> None:
    """Alice's release does not consent, so no offer of hers allows training; Bob's release must not either."""
    clouds(cast, tmp_path, ENTERPRISE)
    written = packs.write(tmp_path / "mist", handle="mist", seed=2, parents=SOURCE, offers=[STUDIO])
    text = (written / "pack.toml").read_text(encoding="utf-8")
    (written / "pack.toml").write_text(text.replace('base_model = "sd15"', 'ai_training = "with-license"'))
    with pytest.raises(UnableToPublish) as refused:
        operations.publish_folder(folder=written, creator=cast.bob, now=later(hours=2))
    ((where, said),) = reasons(refused.value)
    assert (where, "“No AI training with it”" in said) == ("offers", True)
