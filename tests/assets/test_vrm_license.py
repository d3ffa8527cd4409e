"""What an offer may not promise: Alice's figure carries its own license, and her terms must stay inside it."""

from pathlib import Path
from typing import Any

import pytest

from assets.inspectors.dispatch import inspect_file
from assets.inspectors.vrm import license_conflicts
from tests.assets import makers_3d as make3d
from tests.assets.makers import written

NOTHING = {
    "commercial": "none",
    "revenue_cap_usd": 0,
    "derivatives": "none",
    "ai_training": "none",
    "redistribution": "none",
    "seats": 1,
    "credit_required": True,
}
EVERYTHING = NOTHING | {
    "commercial": "full",
    "derivatives": "share",
    "redistribution": "raw",
    "seats": 0,
    "credit_required": False,
}
OPEN: dict[str, Any] = {
    "avatarPermission": "everyone",
    "commercialUsage": "corporation",
    "modification": "allowModificationRedistribution",
    "allowRedistribution": True,
    "creditNotation": "unnecessary",
}


def license_of(folder: Path, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = inspect_file(written(folder, "file", data), "lin.vrm").facts["license"]
    return found


def test_a_license_that_allows_all_fits_every_offer(tmp_path: Path) -> None:
    assert license_conflicts(license_of(tmp_path, make3d.vrm1(**OPEN)), EVERYTHING) == []


def test_a_license_that_says_nothing_names_every_dimension(tmp_path: Path) -> None:
    found = license_conflicts(license_of(tmp_path, make3d.vrm1()), EVERYTHING)

    assert {finding.code for finding in found} == {"vrm-license-conflict"}
    ours = [(one.where, str(one.values["file"]), str(one.values["offer"])) for one in found]
    assert ours == [
        ("license.commercial_usage", "not allowed", "without a revenue limit"),
        ("license.modification", "not allowed", "and sharing the result"),
        ("license.redistribution", "not allowed", "as files"),
        ("license.credit", "must be given", "not needed"),
        ("license.avatar_permission", "the author alone", "whoever is licensed"),
    ]
    assert found[0].message == (
        "commercial use: the license in the file says “not allowed”, and the offer says “without a revenue limit”;"
        " save the file with a license that allows it, or offer less."
    )


@pytest.mark.parametrize(
    ("meta", "terms", "where"),
    [
        ({"commercialUsage": "personalProfit"}, {"commercial": "limited"}, ["license.commercial_usage"]),
        ({"commercialUsage": "personalProfit"}, {"commercial": "personal"}, []),
        ({"commercialUsage": "personalNonProfit"}, {"commercial": "personal"}, ["license.commercial_usage"]),
        ({"commercialUsage": "personalProfit"}, {}, []),
        ({"modification": "allowModification"}, {"derivatives": "private"}, []),
        ({"modification": "allowModification"}, {"derivatives": "share"}, ["license.modification"]),
        ({"allowRedistribution": False}, {"redistribution": "in-product"}, ["license.redistribution"]),
        ({"creditNotation": "required"}, {"credit_required": False}, ["license.credit"]),
        ({"avatarPermission": "onlySeparatelyLicensedPerson"}, {"commercial": "full"}, []),
        ({"avatarPermission": "onlyAuthor"}, {}, ["license.avatar_permission"]),
    ],
)
def test_an_offer_is_compared_dimension_by_dimension(
    meta: dict[str, Any], terms: dict[str, Any], where: list[str], tmp_path: Path
) -> None:
    license = license_of(tmp_path, make3d.vrm1(**OPEN | meta))

    assert [finding.where for finding in license_conflicts(license, NOTHING | terms)] == where


@pytest.mark.parametrize(
    ("name", "terms", "codes"),
    [
        ("CC0", EVERYTHING, []),
        ("CC_BY", EVERYTHING | {"credit_required": True}, []),
        ("CC_BY", EVERYTHING, ["vrm-license-conflict"]),
        ("CC_BY_NC", NOTHING | {"commercial": "full"}, ["vrm-license-conflict"]),
        ("CC_BY_ND", NOTHING | {"derivatives": "private"}, ["vrm-license-conflict"]),
        ("Redistribution_Prohibited", NOTHING | {"redistribution": "in-product"}, ["vrm-license-conflict"]),
        ("Redistribution_Prohibited", NOTHING | {"commercial": "full"}, []),
        ("Other", NOTHING, []),
        ("Other", NOTHING | {"derivatives": "private"}, ["vrm-license-elsewhere"]),
    ],
)
def test_the_license_names_of_version_0_are_understood(
    name: str, terms: dict[str, Any], codes: list[str], tmp_path: Path
) -> None:
    license = license_of(tmp_path, make3d.vrm0(licenseName=name))

    assert [finding.code for finding in license_conflicts(license, terms)] == codes
