"""Alice brings flags: a model from Civitai, a VRM character, a license from Story; what is not said is not allowed."""

import json
import re
import struct

import pytest

from marketplace.licensing.terms.exchange.base import UnableToReadLicense
from marketplace.licensing.terms.exchange.forms import detect, read
from marketplace.licensing.terms.ready import OPENRAIL_BANNED
from tests.licensing.exchange import licenses


def refusal(source: object, form: str = "") -> str:
    with pytest.raises(UnableToReadLicense) as refused:
        read(source, form)  # type: ignore[arg-type]
    return str(refused.value)


def test_civitai_flags_of_a_real_model() -> None:
    found = read(json.dumps(licenses.CIVITAI_MODEL).encode())
    assert found.form == "civitai"
    terms = found.terms
    assert (terms.commercial, terms.derivatives, terms.redistribution, terms.ai_training) == (
        "full",
        "share",
        "none",
        "none",
    )
    assert terms.share_alike == "LicenseRef-Civitai-NoCredit-Image-RentCivit"
    assert not terms.credit_required
    assert terms.banned == OPENRAIL_BANNED | {"generation-services"}
    assert "Civitai's own service" in str(found.lost[0])


def test_the_base_model_binds_what_is_trained_from_it() -> None:
    flags = licenses.CIVITAI_MODEL
    flux = flags | {"modelVersions": [{"baseModel": "Flux.1 D"}]}
    assert read(flux).terms.commercial == "none"
    assert read(flags | {"modelVersions": [{"baseModel": "Flux.1 S"}]}).terms.commercial == "full"
    unknown = read(flags | {"modelVersions": [{"baseModel": "Dave's own"}]})
    assert unknown.terms.approval_required
    assert "approval_required" in {one.dimension for one in unknown.lost}


@pytest.mark.parametrize(
    "value, uses",
    [("{Image,RentCivit,Rent}", True), ("Sell", False), (["None"], False), ([], False), (None, False), ("Image", True)],
)
def test_spellings_of_commercial_use(value: object, uses: bool) -> None:
    terms = read({"allowCommercialUse": value, "allowDerivatives": False}).terms
    assert (terms.commercial == "full") is uses


def test_missing_flags_allow_nothing() -> None:
    found = read({"allow_no_credit": True})
    assert (found.terms.commercial, found.terms.derivatives, found.terms.redistribution) == ("none", "none", "none")
    assert {"commercial", "derivatives", "share_alike"} <= {one.dimension for one in found.lost}


def test_contradictory_and_wrong_flags() -> None:
    assert "“None” and something else" in refusal({"allowCommercialUse": ["None", "Sell"]})
    assert refusal({"allowDerivatives": "yes"}) == "“allowDerivatives” must be true or false."
    assert "not “Everything”" in refusal({"allowCommercialUse": ["Everything"]})
    assert "two spellings" in refusal({"allowNoCredit": True, "allow_no_credit": False})
    assert "list of words" in refusal({"allowCommercialUse": [1]})
    assert "one of them" in refusal({"items": [licenses.CIVITAI_MODEL]}, "civitai")


def test_the_meta_of_a_real_character() -> None:
    terms = read(licenses.VRM_1_META).terms
    assert (terms.commercial, terms.derivatives, terms.redistribution) == ("full", "share", "raw")
    assert (terms.seats, terms.credit_required, terms.ai_training) == (0, False, "none")
    assert terms.banned == {"antisocial-hate"}
    assert not terms.approval_required


def test_a_vrm_file_carries_its_license() -> None:
    document = json.dumps(
        {"asset": {"version": "2.0"}, "extensions": {"VRMC_vrm": {"meta": licenses.VRM_1_META}}}
    ).encode()
    document += b" " * (-len(document) % 4)
    file = b"glTF" + struct.pack("<III", 2, 20 + len(document), len(document)) + b"JSON" + document
    assert detect(file) == "vrm"
    assert read(file).terms == read(licenses.VRM_1_META).terms
    assert "no whole binary glTF" in refusal(file[:-1])
    assert "no whole binary glTF" in refusal(b"glTF")


def test_what_a_vrm_does_not_say_is_not_allowed() -> None:
    found = read({"licenseUrl": "https://vrm.dev/licenses/1.0/", "avatarPermission": "onlySeparatelyLicensedPerson"})
    terms = found.terms
    assert (terms.commercial, terms.derivatives, terms.redistribution, terms.seats) == ("none", "none", "none", 1)
    assert terms.banned == {"violent", "sexual", "political-religious", "antisocial-hate"}
    assert terms.approval_required
    assert read({"licenseUrl": "https://vrm.dev/licenses/1.0/"}).terms.allows_nothing
    assert read(licenses.VRM_1_META | {"otherLicenseUrl": "https://dave.example"}).terms.approval_required
    assert read(licenses.VRM_1_META | {"licenseUrl": "https://dave.example"}).terms.approval_required


def test_old_vrm_and_its_license_names() -> None:
    found = read({"extensions": {"VRM": {"meta": licenses.VRM_0_META}}})
    assert found.source == "VRM 0.x, Other"
    assert (found.terms.derivatives, found.terms.redistribution, found.terms.approval_required) == (
        "none",
        "none",
        True,
    )
    free = licenses.VRM_0_META | {"licenseName": "CC_BY_NC_SA", "otherPermissionUrl": "", "otherLicenseUrl": ""}
    terms = read(free).terms
    assert (terms.commercial, terms.derivatives, terms.share_alike) == ("none", "share", "CC-BY-NC-SA-4.0")
    assert terms.banned == {"violent", "sexual", "political-religious", "antisocial-hate"}
    assert read(free | {"licenseName": "CC_BY_ND"}).terms.derivatives == "none"
    assert read(free | {"licenseName": "Redistribution_Prohibited"}).terms.redistribution == "none"


def test_wrong_vrm_metas() -> None:
    assert "must be one of" in refusal(licenses.VRM_1_META | {"commercialUsage": "yes"})
    assert "must be true or false" in refusal(licenses.VRM_1_META | {"allowRedistribution": 1})
    assert "mixes fields" in refusal(licenses.VRM_1_META | licenses.VRM_0_META)
    both = {"VRM": {"meta": licenses.VRM_0_META}, "VRMC_vrm": {"meta": licenses.VRM_1_META}}
    assert "both" in refusal({"extensions": both})


def test_story_terms_with_five_percent() -> None:
    found = read({"id": "4", "terms": licenses.PIL_COMMERCIAL_REMIX})
    assert found.form == "pil"
    terms = found.terms
    assert (terms.commercial, terms.derivatives, terms.royalty_ppb, terms.royalty_basis) == (
        "full",
        "share",
        50_000_000,
        "revenue",
    )
    assert (terms.transferable, terms.credit_required, terms.ai_training, terms.seats) == (True, True, "share", 1)
    assert terms.share_alike.startswith("LicenseRef-Story-PIL-")
    assert "price" in {one.dimension for one in found.lost}
    # The same terms ask for the same license, others for another.
    other = licenses.PIL_COMMERCIAL_REMIX | {"commercialRevShare": "6000000"}
    assert read({**licenses.PIL_COMMERCIAL_REMIX}).terms.share_alike == terms.share_alike
    assert read(other).terms.share_alike != terms.share_alike


@pytest.mark.parametrize(
    "flavor, commercial, derivatives, alike",
    [
        ("non-commercial-social-remixing", "none", "share", True),
        ("commercial-use", "full", "none", False),
        ("PIL Commercial Remix", "full", "share", True),
    ],
)
def test_flavors_by_name(flavor: str, commercial: str, derivatives: str, alike: bool) -> None:
    found = read(flavor)
    assert found.form == "pil"
    assert (found.terms.commercial, found.terms.derivatives, bool(found.terms.share_alike)) == (
        commercial,
        derivatives,
        alike,
    )


def test_story_terms_that_ours_cannot_say_allow_less() -> None:
    base = licenses.PIL_COMMERCIAL_REMIX
    assert read(base | {"commercialRevCeiling": 10**20}).terms.commercial == "none"
    assert read(base | {"uri": "ipfs://dave"}).terms.approval_required
    assert read(base | {"uri": "ipfs://dave"}).terms.ai_training == "none"
    assert read(base | {"commercializerChecker": "0x" + "1" * 40}).terms.approval_required
    assert read(base | {"expiration": "2678400"}).terms.duration_days == 31
    assert read(base | {"expiration": 2**255}).terms.duration_days == 73_200


def test_story_terms_that_contradict_themselves() -> None:
    base = licenses.PIL_COMMERCIAL_REMIX
    assert "“commercialAttribution” goes with “commercialUse”" in refusal(base | {"commercialUse": False})
    assert "goes with “derivativesAllowed”" in refusal(base | {"derivativesAllowed": False})
    assert "100 percent" in refusal(base | {"commercialRevShare": 100_000_001})
    assert "must be an address" in refusal(base | {"currency": "USDC"})
    assert "whole number" in refusal(base | {"expiration": -1})
    assert "whole number" in refusal(base | {"expiration": 1.5})
    assert "less than a day" in refusal(base | {"expiration": 3600})


def test_shares_that_storys_sdk_is_given_are_percent() -> None:
    found = read({**licenses.PIL_COMMERCIAL_REMIX, "commercialRevShare": 5})
    same = read({**licenses.PIL_COMMERCIAL_REMIX, "commercialRevShare": "5000000"})

    assert found.terms == same.terms
    assert found.terms.royalty_ppb == 50_000_000
    assert {one.dimension for one in found.lost} - {one.dimension for one in same.lost} == {"royalty_ppb"}
    assert read({**licenses.PIL_COMMERCIAL_REMIX, "commercialRevShare": 100}).terms.royalty_ppb == 1_000_000_000
    assert read({**licenses.PIL_COMMERCIAL_REMIX, "commercialRevShare": 101}).terms.royalty_ppb == 1010


def test_terms_as_storys_sdks_hold_them() -> None:
    terms = licenses.PIL_COMMERCIAL_REMIX
    snake = {re.sub("([A-Z])", r"_\1", name).lower(): value for name, value in terms.items()}

    assert read(snake).terms == read({**terms}).terms
    assert "two spellings" in refusal({**terms, "commercial_use": True})
    wrapped = {"licenseTermsData": [{"terms": terms, "licensingConfig": {"isSet": False}}]}
    assert read(wrapped).terms == read({**terms}).terms
    wrapped["licenseTermsData"][0]["licensingConfig"] = {"isSet": True, "commercialRevShare": 20_000_000}
    assert read(wrapped).terms.approval_required
    assert "document" in {one.dimension for one in read(wrapped).lost}
