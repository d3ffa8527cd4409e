"""Alice's terms as others write them: never wider, every loss named, and readable by tools that are not ours."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import ODRL2, RDF

from ledger.credentials.base import USES
from marketplace.licensing.terms.exchange import cawg, odrl
from marketplace.licensing.terms.exchange.base import (
    Exported,
    UnableToReadLicense,
    UnableToWriteLicense,
    differing,
    wider,
)
from marketplace.licensing.terms.exchange.forms import READERS, WRITTEN, read, write
from marketplace.licensing.terms.model import EVERYTHING, Terms, all_but, only
from marketplace.licensing.terms.ready import READY
from tests.licensing import making_terms

PAGE = "https://worldloom.example/packs/yunhai"
STUDIO = READY["studio"]
ODRL = "http://www.w3.org/ns/odrl/2/"
WORDS = {str(term) for term in dir(ODRL2) if str(term).startswith(ODRL)}


def written(terms: Terms, form: str) -> Exported | None:
    """This will write terms, and give None where the form refuses them, with the dimensions in its sentence."""
    try:
        return write(terms, form, subject=PAGE)
    except UnableToWriteLicense as refused:
        said = [one.dimension for one in refused.lost if one.dimension in str(refused)]
    assert said
    return None


@pytest.mark.parametrize("form", READERS)
@given(terms=making_terms.terms())
def test_what_is_read_back_is_never_wider_and_each_difference_was_named(form: str, terms: Terms) -> None:
    made = written(terms, form)
    if made is None:
        return
    back = read(made.text, form).terms
    assert wider(back, terms) == ()
    assert set(differing(terms, back)) <= {one.dimension for one in made.lost}


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("name", READY)
def test_ready_made_terms_are_written_or_refused(form: str, name: str) -> None:
    made = written(READY[name], form)
    assert made is None or (made.form, bool(made.text)) == (form, True)


def test_public_licenses_come_back_as_they_went() -> None:
    for name, form, text in (
        ("cc-by-4.0", "spdx", "CC-BY-4.0"),
        ("cc-by-4.0", "cc", "https://creativecommons.org/licenses/by/4.0/"),
        ("cc-by-nc-4.0", "cc", "https://creativecommons.org/licenses/by-nc/4.0/"),
        ("cc0-1.0", "spdx", "CC0-1.0"),
        ("openrail-m", "openrail", "openrail-m"),
    ):
        made = write(READY[name], form)
        assert (made.text, made.lost) == (text, ())
        assert read(made.text).terms == READY[name]


def test_spdx_refers_to_a_text_where_it_has_no_id() -> None:
    made = write(STUDIO, "spdx")
    assert made.text == "LicenseRef-Worldloom-studio"
    assert {"document", "commercial", "seats", "redistribution"} <= {one.dimension for one in made.lost}
    assert write(replace(STUDIO, name="江南 / 2"), "spdx").text == "LicenseRef-Worldloom-2"
    assert write(replace(STUDIO, name="江南"), "spdx").text == "LicenseRef-Worldloom-terms"


def test_a_form_that_would_allow_more_is_refused_by_dimension() -> None:
    with pytest.raises(UnableToWriteLicense) as refused:
        write(STUDIO, "civitai")
    assert [one.dimension for one in refused.value.lost] == ["seats"]
    with pytest.raises(UnableToWriteLicense, match="see territory"):
        write(replace(READY["cc0-1.0"], territory=only("CN")), "cc")
    with pytest.raises(UnableToReadLicense, match="cannot be written as “doc”"):
        write(STUDIO, "doc")


def test_a_vrm_for_a_studio_asks_each_person_for_a_license() -> None:
    made = write(STUDIO, "vrm", subject=PAGE)
    meta = json.loads(made.text)
    assert meta["avatarPermission"] == "onlySeparatelyLicensedPerson"
    # A limit on revenue is nothing that VRM can say, so that it says the least.
    assert (meta["commercialUsage"], meta["modification"]) == ("personalNonProfit", "allowModification")
    assert meta["otherLicenseUrl"] == PAGE
    assert "commercial" in {one.dimension for one in made.lost}
    nowhere = json.loads(write(replace(STUDIO, territory=only("CN")), "vrm", subject=PAGE).text)
    assert nowhere["avatarPermission"] == "onlyAuthor"


def test_royalties_are_rounded_up_for_story() -> None:
    terms = replace(READY["cc-by-4.0"], name="remix", royalty_ppb=50_000_001)
    made = write(terms, "pil")
    assert json.loads(made.text)["commercialRevShare"] == "5000001"
    assert read(made.text).terms.royalty_ppb == 50_000_010
    assert "royalty_ppb" in {one.dimension for one in made.lost}


def test_cawg_has_the_entries_that_our_pictures_carry() -> None:
    assert cawg.ENTRIES == USES
    entries = json.loads(write(STUDIO, "cawg", subject=PAGE).text)["data"]["entries"]
    said = {"use": "constrained", "constraint_info": f"Only as the license terms “studio” allow: {PAGE}"}
    assert entries == dict.fromkeys(USES, said)
    none = json.loads(write(replace(STUDIO, ai_training="none", derivatives="none"), "cawg").text)["data"]["entries"]
    assert none == {use: {"use": "notAllowed"} for use in USES}
    free = json.loads(write(READY["cc0-1.0"], "cawg").text)["data"]["entries"]
    assert free["cawg.ai_training"] == {"use": "allowed"}
    owed = json.loads(write(READY["cc-by-4.0"], "cawg", language="zh-hans").text)["data"]["entries"]["cawg.ai_training"]
    assert owed == {"use": "constrained", "constraint_info": "仅限授权条款“cc-by-4.0”允许的范围"}


def test_rsl_is_plain_xml_whatever_the_address_holds() -> None:
    terms = replace(STUDIO, commercial="none", revenue_cap_usd=0, territory=all_but("KP", "CN"))
    made = write(terms, "rsl", subject='https://x.example/"><content url="*"/><!--&\x00')
    root = ElementTree.fromstring(made.text)
    space = "{https://rslstandard.org/rsl}"
    assert root.tag == f"{space}rsl"
    (content,) = root
    assert content.get("url") == 'https://x.example/"><content url="*"/><!--&'
    license = content.find(f"{space}license")
    assert license is not None
    rules = [(rule.tag.removeprefix(space), rule.get("type"), rule.text) for rule in license if rule.get("type")]
    assert rules[:-1] == [
        ("permits", "usage", "ai-train,ai-input"),
        ("permits", "user", "non-commercial"),
        ("prohibits", "user", "commercial"),
        ("prohibits", "geo", "CN,KP"),
    ]
    payment = license.find(f"{space}payment")
    assert payment is not None
    assert payment.get("type") == "purchase"
    assert {"banned", "seats", "credit_required"} <= {one.dimension for one in made.lost}
    closed = write(replace(STUDIO, media=only()), "rsl").text
    assert "<permits" not in closed


def graph_of(terms: Terms) -> Graph:
    """This will read a policy with rdflib, its remote context replaced by the W3C's vocabulary as rdflib knows it."""
    policy = json.loads(write(terms, "odrl", subject=PAGE).text)
    assert policy["@context"][0] == odrl.CONTEXT
    context: dict[str, Any] = {term.removeprefix(ODRL): term for term in WORDS}
    for kind, names in (
        ("@vocab", "action leftOperand operator conflict"),
        ("@id", "target profile permission prohibition"),
    ):
        context |= {name: {"@id": ODRL + name, "@type": kind} for name in names.split()}
    policy["@context"][0] = context | {"uid": "@id", "type": "@type"}
    return Graph().parse(data=json.dumps(policy), format="json-ld")


def unknown_words(graph: Graph) -> Iterator[str]:
    """This will give what is neither in W3C's vocabulary nor in the profile."""
    for triple in graph:
        for node in triple:
            if isinstance(node, URIRef) and str(node).startswith(ODRL) and str(node) not in WORDS:
                yield str(node)


@settings(max_examples=25)
@given(terms=making_terms.terms())
def test_odrl_is_a_policy_in_words_that_w3c_or_our_profile_has(terms: Terms) -> None:
    graph = graph_of(terms)
    assert list(unknown_words(graph)) == []
    (policy,) = graph.subjects(RDF.type, ODRL2.Set)
    assert (policy, ODRL2.target, URIRef(PAGE)) in graph
    assert (policy, ODRL2.conflict, ODRL2.prohibit) in graph
    rules = [*graph.objects(policy, ODRL2.permission), *graph.objects(policy, ODRL2.prohibition)]
    assert rules
    assert all(list(graph.objects(rule, ODRL2.action)) for rule in rules)
    for constraint in {*graph.objects(None, ODRL2.constraint), *graph.objects(None, ODRL2.refinement)}:
        for part in (ODRL2.leftOperand, ODRL2.operator):
            assert len(list(graph.objects(constraint, part))) == 1
        assert list(graph.objects(constraint, ODRL2.rightOperand))


def test_odrl_says_everything_of_studio_terms() -> None:
    graph = graph_of(replace(STUDIO, territory=only("CN", "JP"), ends="2027-12-31", banned=frozenset({"weapons"})))
    asked = """
        SELECT ?action ?left ?operator ?right WHERE {
            ?policy odrl:permission ?rule . ?rule odrl:action ?action ; odrl:constraint ?constraint .
            ?constraint odrl:leftOperand ?left ; odrl:operator ?operator ; odrl:rightOperand ?right }"""
    rows = {tuple(str(one).split("/")[-1] for one in row) for row in graph.query(asked, initNs={"odrl": ODRL})}  # type: ignore[union-attr]
    assert ("derive", "spatial", "isAnyOf", "CN") in rows
    assert ("derive", "spatial", "isAnyOf", "JP") in rows
    assert ("derive", "dateTime", "lteq", "2027-12-31") in rows
    assert ("derive", "urn:worldloom:odrl:2:seats", "lteq", "30") in rows
    assert ("ns#CommercialUse", "urn:worldloom:odrl:2:annualRevenue", "lteq", "1000000") in rows
    assert (None, ODRL2.rightOperand, URIRef("urn:worldloom:odrl:2:banned:weapons")) in graph
    rules = graph.objects(None, ODRL2.prohibition)
    prohibited = {str(action).split("/")[-1] for rule in rules for action in graph.objects(rule, ODRL2.action)}
    assert prohibited == {"use", "grantUse", "transfer"}
    assert (None, ODRL2.rightOperand, Literal(30)) in graph


def test_odrl_of_terms_that_allow_nothing_prohibits_use() -> None:
    closed = json.loads(write(replace(STUDIO, media=only()), "odrl").text)
    assert "permission" not in closed
    assert closed["prohibition"] == [{"action": "use"}]


def test_odrl_names_everything_so_that_different_terms_are_different_policies() -> None:
    free = replace(READY["cc0-1.0"], territory=EVERYTHING)
    changed = [
        replace(free, exclusive=True, redistribution="in-product"),
        replace(free, credit_required=True, credit_line="Alice Wu"),
        replace(free, share_alike="CC-BY-SA-4.0"),
        replace(free, royalty_ppb=1),
        replace(free, output_owner="shared"),
        replace(free, duration_days=3),
        replace(free, approval_required=True),
    ]
    policies = [json.loads(write(one, "odrl").text) | {"uid": ""} for one in [free, *changed]]
    texts = {json.dumps(policy) for policy in policies}
    assert len(texts) == 8
