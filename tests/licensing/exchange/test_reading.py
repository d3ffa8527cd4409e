"""Alice brings a work under somebody else's license: what it says in our terms, what is lost, and what is refused."""

from dataclasses import replace

import pytest

from marketplace.licensing.terms.exchange import cc, openrail, spdx
from marketplace.licensing.terms.exchange.base import UnableToReadLicense, differing
from marketplace.licensing.terms.exchange.forms import read
from marketplace.licensing.terms.model import UNLIMITED_DEPTH, Terms
from marketplace.licensing.terms.ready import OPENRAIL_BANNED, READY
from tests.licensing.exchange import licenses

BY = READY["cc-by-4.0"]


def refusal(source: object, form: str = "") -> str:
    with pytest.raises(UnableToReadLicense) as refused:
        read(source, form)  # type: ignore[arg-type]
    assert refused.value.code == "license-unreadable"
    return str(refused.value)


def lost(source: object) -> set[str]:
    return {one.dimension for one in read(source).lost}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("by", {}),
        ("by-sa", {"share_alike": "CC-BY-SA-4.0"}),
        ("by-nc", {"commercial": "none"}),
        ("by-nd", {"derivatives": "private", "ai_training": "own"}),
        ("by-nc-sa", {"commercial": "none", "share_alike": "CC-BY-NC-SA-4.0"}),
        ("by-nc-nd", {"commercial": "none", "derivatives": "private", "ai_training": "own"}),
    ],
)
def test_each_license_of_creative_commons_by_all_its_names(kind: str, changes: dict[str, str]) -> None:
    name = f"CC-{kind.upper()}-4.0"
    for source in (
        name,
        name.lower(),
        f"CC {kind.upper()} 4.0",
        f"https://creativecommons.org/licenses/{kind}/4.0/",
        f"http://creativecommons.org/licenses/{kind}/4.0/legalcode.zh-hans",
        f"https://creativecommons.org/licenses/{kind}/4.0/deed.de",
        f"//www.creativecommons.org/licenses/{kind}/4.0",
    ):
        found = read(source)
        assert (found.form, found.source) == ("cc", name), source
        assert found.terms == replace(BY, name=name.lower(), **changes), source
        assert read(source.encode(), "cc").terms == found.terms


def test_versions_before_4_let_nobody_change_a_work_even_for_themselves() -> None:
    terms = read("CC-BY-ND-3.0").terms
    assert (terms.derivatives, terms.ai_training, terms.redistribution) == ("none", "none", "raw")
    assert "derivatives" in lost("CC-BY-ND-3.0")


def test_ported_versions_keep_their_place() -> None:
    found = read("https://creativecommons.org/licenses/by-sa/3.0/de/deed.en")
    assert (found.source, found.terms.share_alike) == ("CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-DE")
    assert "law of one place (DE)" in str(found.lost[0])
    assert read("CC-BY-3.0-IGO").source == "CC-BY-3.0-IGO"


@pytest.mark.parametrize(
    "source", ["CC0", "CC0-1.0", "cc0 1.0 universal", "https://creativecommons.org/publicdomain/zero/1.0/"]
)
def test_cc0_is_our_own_cc0(source: str) -> None:
    assert differing(read(source).terms, READY["cc0-1.0"]) == ()


def test_the_public_domain_mark_is_no_license_and_says_so() -> None:
    found = read("https://creativecommons.org/publicdomain/mark/1.0/")
    assert (found.source, found.terms.credit_required) == ("CC-PDM-1.0", False)
    assert "no license" in str(found.lost[0])


def test_legal_texts_are_recognized_and_nobody_claims_that_they_were_compared() -> None:
    found = read(licenses.CC_BY_NC_SA_LEGAL_CODE.encode())
    assert (found.source, found.terms.commercial) == ("CC-BY-NC-SA-4.0", "none")
    assert "document" in lost(licenses.CC_BY_NC_SA_LEGAL_CODE)
    assert read("﻿MIT License\n\nCopyright (c) 2024 Alice\n\nPermission is hereby granted".encode()).source == "MIT"


def test_pages_and_linked_data() -> None:
    assert read(licenses.CC_BY_PAGE).source == "CC-BY-4.0"
    assert read({"dct:license": {"@id": "https://creativecommons.org/licenses/by-nc/4.0/"}}).source == "CC-BY-NC-4.0"
    described = read({"cc:permits": ["cc:Reproduction", "cc:Distribution"], "cc:prohibits": "cc:CommercialUse"}).terms
    assert (described.commercial, described.derivatives, described.redistribution) == ("none", "none", "raw")
    page = '<link rel="cc:permits" href="http://creativecommons.org/ns#Reproduction">'
    assert read(page).terms.redistribution == "none"
    assert "nothing that cc:permits can say" in refusal({"cc:permits": ["cc:Reproduction", "cc:Everything"]})


def test_permissive_copyleft_and_bundled_software_licenses() -> None:
    assert differing(read("MIT").terms, BY) == ()
    assert differing(read("0BSD").terms, READY["cc0-1.0"]) == ()
    assert read("GPL-3.0-only").terms.share_alike == "GPL-3.0-only"
    assert "patents" in lost("Apache-2.0")
    assert "patents" not in lost("MIT")
    assert read("OFL-1.1").terms.redistribution == "in-product"


@pytest.mark.parametrize(
    "old, new",
    [
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("lgpl-2.1", "LGPL-2.1-only"),
        ("apache-2.0", "Apache-2.0"),
    ],
)
def test_old_ids_and_other_cases_are_the_ids_of_today(old: str, new: str) -> None:
    assert read(old).source == new


def test_or_later_with_and_references() -> None:
    later = read("Apache-2.0+")
    assert (later.source, "document" in {one.dimension for one in later.lost}) == ("Apache-2.0+", True)
    excepted = read("GPL-2.0-or-later WITH Classpath-exception-2.0")
    assert excepted.terms.share_alike == "GPL-2.0-or-later"
    assert "Classpath-exception-2.0 allows more" in str(excepted.lost[-1])
    assert "did you mean Classpath-exception-2.0?" in refusal("GPL-2.0-only WITH Classpath-exception-2")
    elsewhere = read("LicenseRef-Dave")
    assert elsewhere.terms == Terms(name="licenseref-dave")
    assert elsewhere.terms.allows_nothing


def test_and_is_what_both_allow() -> None:
    both = read("MIT AND CC-BY-NC-ND-4.0").terms
    assert (both.commercial, both.derivatives, both.ai_training, both.credit_required) == (
        "none",
        "private",
        "own",
        True,
    )
    assert read("MIT AND LicenseRef-Dave").terms.allows_nothing
    assert read("(MIT AND GPL-3.0-only) AND CC0-1.0").terms.share_alike == "GPL-3.0-only"
    assert "must be shared under different licenses" in refusal("GPL-3.0-only AND CC-BY-SA-4.0")


def test_or_is_a_choice_that_somebody_must_make() -> None:
    assert refusal("MIT OR GPL-3.0-only") == (
        "The license leaves a choice: GPL-3.0-only and MIT; give the one that you choose."
    )
    assert "leaves a choice" in refusal("CC0-1.0 AND (MIT OR Apache-2.0)")


@pytest.mark.parametrize(
    "name, near",
    [("Apache-2", "Apache-2.0"), ("GLP-3.0-only", "GPL-3.0-only"), ("BSD-3-Clase", "BSD-3-Clause")],
)
def test_an_unknown_id_is_refused_with_the_nearest(name: str, near: str) -> None:
    assert refusal(name) == f"SPDX knows no “{name}”; did you mean {near}?"


def test_every_id_that_we_read_is_known_to_spdx() -> None:
    assert {name for name, _terms in spdx.every()} <= set(spdx._ids())


def test_licenses_that_spdx_knows_and_we_have_not_read_allow_nothing() -> None:
    found = read("BUSL-1.1")
    assert found.terms.allows_nothing
    assert "nobody has put it into our terms" in str(found.lost[0])


def test_tags_in_files() -> None:
    assert read("// SPDX-License-Identifier: Apache-2.0\nint main() {}\n").source == "Apache-2.0"
    assert read("<!-- SPDX-License-Identifier: MIT -->\n").source == "MIT"
    assert "several licenses" in refusal("SPDX-License-Identifier: MIT\nSPDX-License-Identifier: ISC\n")


@pytest.mark.parametrize(
    "name, banned",
    [
        ("creativeml-openrail-m", OPENRAIL_BANNED),
        ("openrail++", OPENRAIL_BANNED),
        ("OpenRAIL-M", OPENRAIL_BANNED),
        ("bigscience-bloom-rail-1.0", OPENRAIL_BANNED | {"impersonation", "unlabeled-ai"}),
        ("openrail", OPENRAIL_BANNED | {"impersonation", "unlabeled-ai"}),
        ("LicenseRef-scancode-bigcode-open-rail-m-v1", OPENRAIL_BANNED | {"impersonation", "unlabeled-ai"}),
    ],
)
def test_the_openrail_family_by_id(name: str, banned: frozenset[str]) -> None:
    found = read(name)
    assert found.form == "openrail"
    assert found.terms.banned == banned
    assert differing(found.terms, READY["openrail-m"]) == (() if banned == OPENRAIL_BANNED else ("banned",))


def test_attachment_a_is_read_line_by_line() -> None:
    found = read(licenses.CREATIVEML_OPEN_RAIL_M)
    assert found.form == "openrail"
    assert differing(found.terms, READY["openrail-m"]) == ()


def test_a_restriction_without_a_word_makes_every_use_ask() -> None:
    found = read(licenses.BIGSCIENCE_ATTACHMENT)
    assert found.terms.banned == {"crime", "unlabeled-ai", "impersonation"}
    assert found.terms.approval_required
    assert "To fly kites on a Sunday" in str(next(one for one in found.lost if one.dimension == "approval_required"))
    assert "no list of use restrictions" in refusal("OpenRAIL-M\n\nDo what you like, but be good.\n", "openrail")
    assert "does not call itself" in refusal("Terms of service\n\nYou agree not to use it.\n", "openrail")


def test_model_cards() -> None:
    found = read(licenses.MODEL_CARD)
    assert (found.form, found.source) == ("openrail", "creativeml-openrail-m")
    assert read("---\nlicense: cc-by-nc-4.0\n---\n").source == "CC-BY-NC-4.0"
    assert read("---\nlicense:\n- mit\n---\n").source == "MIT"
    assert "several" in refusal("---\nlicense:\n- mit\n- apache-2.0\n---\n")
    assert "names none" in refusal("---\nlicense: other\nlicense_name: dave-1\n---\n")
    assert "once" in refusal("---\ntags: [x]\n---\n")


@pytest.mark.parametrize(
    "source, said",
    [
        (b"", "no text"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"MIT\0", "no text"),
        (b"{", "no JSON: it breaks in line 1, column 2"),
        (b'{"allowNoCredit": true, "allowNoCredit": false}', "says “allowNoCredit” twice"),
        (b'{"allowNoCredit": NaN}', "a number that not all readers"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number that not all readers"),
        (b'{"hello": "world"}', "no license that we know"),
        (b"[]", "no object"),
        (b"OpenRAIL-M\nAttachment A\n" + b"\n" * 300_000 + b"x", "no list of use restrictions"),
        (b"x" * (2 * 1024 * 1024 + 1), "longer than 2 MiB"),
        (b"glTF" + b"\0" * 16, "no whole binary glTF"),
        (b"(" * 150 + b"MIT", "no license expression"),
        (b"MIT AND", "no license expression"),
        ("MIT‮".encode(), "no license expression"),
        (b"CC-BY-4.1", "no version 4.1"),
        (b"CC-BY-NC", "names no version"),
        (b"CC-BY-ND-SA-4.0", "forbids changes and asks to share them alike"),
        (b"https://creativecommons.org/licenses/sampling/1.0/", "no license that we know"),
        (b"https://evil-creativecommons.org/licenses/by/4.0/", "no license expression"),
        (b"Once upon a time\n" * 50, "no license that we know"),
        (
            "CC-BY-4.0 https://creativecommons.org/licenses/by/4.0/ or https://creativecommons.org/licenses/by-nc/4.0/",
            "several licenses",
        ),
    ],
)
def test_bad_input_is_one_clear_sentence(source: bytes | str, said: str) -> None:
    message = refusal(source)
    assert said in message
    assert message.endswith((".", "?"))
    assert "\n" not in message


def test_wrong_forms_and_kinds() -> None:
    assert "cannot be read from “odrl”" in refusal("x", "odrl")
    assert "not an object" in refusal({"a": 1}, "spdx")
    assert "no object" in refusal("[1]", "civitai")
    assert cc.by_id("MIT") is None
    assert openrail.by_id("MIT") is None


def test_open_licenses_say_what_ready_made_terms_say() -> None:
    for name, source in (("cc-by-4.0", "CC-BY-4.0"), ("cc-by-nc-4.0", "CC-BY-NC-4.0"), ("cc0-1.0", "CC0-1.0")):
        assert read(source).terms == READY[name]
    assert read("OpenRAIL-M").terms == READY["openrail-m"]
    assert read("CC-BY-4.0").terms.sublicense_depth == UNLIMITED_DEPTH


@pytest.mark.parametrize(
    "text",
    [
        "MIT License\n\n“Commons Clause” License Condition v1.0",
        "MIT License\n\nPermission is hereby granted. Any use in a commercial product must be notified to the author.",
        "MIT License, but not for military contexts",
        "The MIT License\n\nThe Software shall be used for Good, not Evil.",
        "Apache License\n  Version 2.0, January 2004\n" + "and a word more " * 420,
    ],
)
def test_a_text_that_begins_as_a_license_and_goes_on_with_more_is_refused(text: str) -> None:
    assert "but has more in it than that; read it" in refusal(text)


def test_old_legal_texts_keep_their_own_name_and_not_that_of_their_examples() -> None:
    code = "Attribution-ShareAlike 2.0\n CREATIVE COMMONS CORPORATION IS NOT A LAW FIRM.\n"
    example = "(e.g. Attribution-ShareAlike 2.0 Japan)"

    found = read(code + "License\n" * 500 + example)

    assert (found.source, found.terms.share_alike) == ("CC-BY-SA-2.0", "CC-BY-SA-2.0")
    assert read("Attribution 2.5 Australia\n\nLicense").source == "CC-BY-2.5-AU"


def test_a_long_text_that_only_speaks_of_a_license_is_not_under_it() -> None:
    agreement = "End user license agreement. " + "You may do nothing that is not said here. " * 60
    assert "only later on" in refusal(agreement + "It has data under Attribution-ShareAlike 4.0 International.")


@pytest.mark.parametrize("name", ["CC-BY-4.0-ZZ", "CC-BY-3.0-ZZ", "CC-BY-4.0-DE"])
def test_places_without_a_version_are_refused(name: str) -> None:
    assert "leave the place out" in refusal(name)


@pytest.mark.parametrize("said, id", [("odc-by", "ODC-By-1.0"), ("pddl", "PDDL-1.0"), ("c-uda", "C-UDA-1.0")])
def test_ids_that_only_model_cards_have(said: str, id: str) -> None:
    assert read(f"---\nlicense: {said}\n---\n").source == id
