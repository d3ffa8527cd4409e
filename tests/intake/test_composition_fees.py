"""Contract fees of compositions: nobody pays themselves before the others, and none is in money that nobody has."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketplace.catalog.models import Release
from marketplace.catalog.operations import UnableToPublish
from marketplace.compositions.composing import Contracts
from marketplace.compositions.drafting import UnableToPublishComposition
from marketplace.intake.models import Submission
from marketplace.intake.rules import DraftOffer
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Offer, OfferPrice
from marketplace.licensing.months import MonthLimits
from marketplace.licensing.parentage import BeyondParents
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.compositions.composed import compose
from tests.compositions.conftest import scene  # noqa: F401
from tests.compositions.stage import Stage
from tests.intake.stage import traces
from tests.intake.test_compositions import change, folder, refused  # noqa: F401

_OWN = (
    "The fee for bob/night@1.0.0 is for a pack of your own, and would be paid before the others get their part: take it"
    " out."
)


def test_a_composer_is_not_paid_before_the_others(scene: Stage, folder: Path) -> None:  # noqa: F811
    """With seven of seven cents for his own night, Bob would leave nothing of a use to Alice and Mo."""
    before = traces(), Submission.objects.count()
    with pytest.raises(UnableToPublishComposition) as error:
        compose(scene.cast.bob, contracts=Contracts("image", "USD", {scene.night.digest: 7}))
    assert [(one.code, one.message) for one in error.value.findings] == [("fee-of-own", _OWN)]
    assert (traces(), Submission.objects.count()) == before

    def own(said: dict[str, Any], pack: dict[str, Any]) -> None:
        fee = {"release": scene.night.digest, "amount_minor": 7}
        said |= {"unit": "image", "currency": "USD", "fees": [fee]}

    change(folder, own)
    assert refused(scene, folder) == [("composition.json", _OWN)]
    # For Mo, who composes the same, it is another's.
    made = compose(scene.cast.mo, contracts=Contracts("image", "USD", {scene.night.digest: 7}))
    assert made.pack.owner == scene.cast.mo


def test_fees_are_in_money_that_somebody_is_paid_in(scene: Stage, folder: Path) -> None:  # noqa: F811
    with pytest.raises(UnableToPublishComposition) as error:
        compose(scene.cast.bob, contracts=Contracts("image", "ZZZ", {scene.ink.digest: 2}))
    (found,) = error.value.findings
    assert found.code == "fee-currency"

    def strange(said: dict[str, Any], pack: dict[str, Any]) -> None:
        fee = {"release": scene.ink.digest, "amount_minor": 2}
        said |= {"unit": "image", "currency": "ZZZ", "fees": [fee]}

    change(folder, strange)
    assert refused(scene, folder) == [("composition.json", found.message)]
    assert not Release.objects.filter(pack__kind="composition").exists()


def test_fees_leave_everybody_the_royalty_that_they_ask(scene: Stage) -> None:  # noqa: F811
    """Mo asks a tenth of whatever is made with his ink; a fee for Alice's sea may not take it, whoever's friend she is.

    Of a use, Mo has 30 % of what the fee leaves: of seven cents and a fee of four, 3/7 × 30 % = 12.86 %.
    """
    scene.withdraw(scene.ink)
    royal = replace(READY["enterprise"], name="royal", royalty_ppb=100_000_000)
    licensing.offer(release=scene.ink, terms=royal, price=Money(5, "USD"), now=later(minutes=40))
    text = "|a: x @mo/ink\n|b: y @alice/sea\n"
    metered = (DraftOffer("studio", "0.07", "USD", model="metered", unit="image"),)

    def made(fee_minor: int, **more: Any) -> Release:
        fees = {scene.sea_11.digest: fee_minor}
        return compose(scene.cast.bob, text, contracts=Contracts("image", "USD", fees), **({"offers": metered} | more))

    before = traces()
    for fee_minor, share in ((7, "0%"), (5, "8.5714285%")):
        with pytest.raises(UnableToPublish) as error:
            made(fee_minor)
        assert [one.message for one in error.value.findings] == [
            "Of what is made from mo/ink@1.0.0, the offer “royal” of mo/ink@1.0.0 says “Pay the creator 10% of the"
            f" revenue of every work made from it”, and it gets {share} here: raise its share."
        ]
    assert traces() == before
    release = made(4)

    offer = Offer.objects.get(release=release)
    for price_minor, month in ((5, None), (7, MonthLimits(0, 100))):
        with pytest.raises(BeyondParents):
            licensing.change_price(offer=offer, price_minor=price_minor, month=month, now=later(hours=1))
    assert OfferPrice.objects.filter(offer=offer).count() == 1
    # Of six cents it is just the tenth; what is not counted by the image owes no fee.
    licensing.change_price(offer=offer, price_minor=6, now=later(hours=2))
    assert OfferPrice.objects.filter(offer=offer).count() == 2
    scene.offering(release, "studio", 1, model="metered", unit="second")
    with pytest.raises(BeyondParents):
        scene.offering(release, "personal", 5, model="metered", unit="image")
    assert Offer.objects.filter(release=release).count() == 2
