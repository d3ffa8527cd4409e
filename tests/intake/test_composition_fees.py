"""Contract fees of compositions: nobody pays themselves before the others, and none is in money that nobody has."""

from pathlib import Path
from typing import Any

import pytest

from marketplace.catalog.models import Release
from marketplace.compositions.composing import Contracts
from marketplace.compositions.drafting import UnableToPublishComposition
from marketplace.intake.models import Submission
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
