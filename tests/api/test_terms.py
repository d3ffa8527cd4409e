"""Terms by digest, from and to other forms, and whether layers allow a use."""

import json
from typing import Any

import pytest

from marketplace.licensing.models import TermsText
from tests.api.studios import ANYBODY, Market, Studio

ANYWHERE = {"all_but": []}
FILM = {"territory": ANYWHERE, "fields": ["film"], "media": ["video"]}


def post(path: str, body: Any, who: Studio = ANYBODY) -> Any:
    return who.call("POST", path, json.dumps(body).encode())


def test_terms_are_read_by_their_digest(market: Market) -> None:
    digest = market.offer().terms_id
    answer = ANYBODY.get(f"/terms/{digest}")
    body = answer.json()

    assert answer.status_code == 200, answer.content
    assert (body["sha256"], body["name"]) == (digest, "studio")
    assert body["document"]["format"] == "worldloom/terms/2"
    assert body["texts"] == {
        "en": TermsText.objects.get(pk=digest).text_en,
        "zh-Hans": TermsText.objects.get(pk=digest).text_zh_hans,
    }
    assert len(body["lines"]) == 18
    assert ANYBODY.get("/terms/" + "0" * 64).status_code == 404
    assert ANYBODY.get("/terms/1").status_code == 422


@pytest.mark.parametrize("form", ["odrl", "cawg", "rsl", "spdx"])
def test_terms_are_taken_elsewhere(market: Market, form: str) -> None:
    answer = ANYBODY.get(f"/terms/{market.offer().terms_id}/{form}")

    assert answer.status_code == 200, answer.content
    assert answer.json()["form"] == form
    assert answer.json()["text"]
    assert bool(answer.json()["lost"]) is (form != "odrl")


def test_a_form_that_would_allow_more_is_refused_by_dimension(market: Market) -> None:
    answer = ANYBODY.get(f"/terms/{market.offer().terms_id}/cc")
    unknown = ANYBODY.get(f"/terms/{market.offer().terms_id}/runes")

    assert (answer.status_code, answer.json()["code"]) == (422, "license-unwritable")
    assert {one["in"] for one in answer.json()["findings"]} == {"terms"}
    assert (unknown.status_code, unknown.json()["findings"][0]["where"]) == (422, "form")


def test_licenses_are_read_as_terms(db: None) -> None:
    cc = post("/terms/read", {"license": "CC-BY-NC-4.0"})
    story = post("/terms/read", {"license": {"commercialUse": True, "derivativesAllowed": False}, "form": "pil"})
    unknown = post("/terms/read", {"license": "CC-BY-9.9"})

    assert cc.status_code == 200, cc.content
    assert cc.json()["source"] == "CC-BY-NC-4.0"
    assert cc.json()["terms"]["document"]["commercial"] == "none"
    assert (story.status_code, story.json()["form"]) == (200, "pil")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "license-unreadable")
    for body in ({}, {"license": 7}, {"license": ""}, {"license": "MIT", "form": "runes"}, {"licence": "MIT"}):
        assert post("/terms/read", body).json()["code"] == "invalid-request"


def test_layers_that_allow_a_use_say_what_is_due(market: Market) -> None:
    layers = [{"name": "street", "terms": {"base": "cc-by-4.0"}}, {"offer": str(market.offer().pk)}]
    answer = post("/terms/check", {"layers": layers, "use": FILM})

    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "allowed": True,
        "refusals": [],
        "duties": {
            "credits": [{"layer": "alice/yunhai", "line": ""}, {"layer": "street", "line": ""}],
            "approvals": [],
            "royalties": [],
            "share_alike": "",
            "banned": [],
        },
        "fixes": [],
    }


def test_a_document_is_a_layer_as_it_stands(market: Market) -> None:
    document = ANYBODY.get(f"/terms/{market.offer().terms_id}").json()["document"]
    for terms in ({"terms": document}, {"terms_sha256": market.offer().terms_id}):
        answer = post("/terms/check", {"layers": [{"name": "a", **terms}], "use": FILM | {"commercial": "full"}})
        assert [one["code"] for one in answer.json()["refusals"]] == ["commercial-not-allowed"], answer.content


def test_a_license_that_is_held_is_a_layer_for_its_studio_alone(market: Market, carol: Studio, dave: Studio) -> None:
    grant = carol.order(market.offer()).json()["grants"][0]["id"]
    asked = {"layers": [{"grant": grant}], "use": FILM}

    assert post("/terms/check", asked, carol).json()["allowed"] is True
    for who in (dave, ANYBODY):
        assert post("/terms/check", asked, who).json()["findings"][0]["where"] == "/layers/0/grant"


def test_a_refusal_names_dimension_and_layer_and_the_offer_that_helps(market: Market) -> None:
    use = FILM | {"commercial": "full", "derivatives": "share", "output_owner": "licensee"}
    body = post("/terms/check", {"layers": [{"pack": "alice/yunhai"}], "use": use}).json()

    assert not body["allowed"]
    assert [(one["dimension"], one["code"], one["layers"]) for one in body["refusals"]] == [
        ("commercial", "commercial-not-allowed", ["alice/yunhai"]),
        ("derivatives", "derivatives-not-allowed", ["alice/yunhai"]),
    ]
    fix = body["fixes"][0]
    assert (fix["kind"], fix["prices"]) == ("offer", [{"amount_minor": 90_000, "currency": "CNY"}])
    assert fix["changes"][0]["offer"] == str(market.offer("enterprise").pk)
    assert {one["kind"] for one in body["fixes"]} >= {"offer", "request"}


@pytest.mark.parametrize(
    ("layer", "where"),
    [
        ({}, "/layers/0"),
        ({"pack": "alice/yunhai", "terms": {"base": "studio"}}, "/layers/0"),
        ({"pack": "alice/nothing"}, "/layers/0/pack"),
        ({"offer": "00000000-0000-4000-8000-000000000000"}, "/layers/0/offer"),
        ({"grant": "00000000-0000-4000-8000-000000000000"}, "/layers/0/grant"),
        ({"terms_sha256": "0" * 64}, "/layers/0/terms_sha256"),
        ({"terms": {"base": "runes"}}, "/layers/0/terms/base"),
        ({"terms": {"base": "studio", "seats": -1}}, "/layers/0/terms/seats"),
        ({"terms": {"commercial": "everything"}}, "/layers/0/terms/commercial"),
        ({"pack": 7}, "/layers/0/pack"),
        ({"terms": {"format": "worldloom/terms/3"}}, "/layers/0/terms/format"),
        ({"terms": {"format": "worldloom/terms/2", "name": "a"}}, "/layers/0/terms/ai_training"),
        ({"terms": {"format": "worldloom/terms/2", "seats": 2**60}}, "/layers/0/terms"),
        ({"terms": {"base": "studio", "seats": 1.5}}, "/layers/0/terms/seats"),
    ],
)
def test_layers_that_are_none_are_named_by_their_place(market: Market, layer: dict[str, Any], where: str) -> None:
    answer = post("/terms/check", {"layers": [layer], "use": FILM})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.content
    assert answer.json()["findings"][0]["where"] == where


@pytest.mark.parametrize(
    ("use", "where"),
    [
        ({}, "/use/territory"),
        (FILM | {"fields": []}, "/use/fields"),
        (FILM | {"media": ["smell"]}, "/use/media"),
        (FILM | {"media": "video"}, "/use/media"),
        (FILM | {"commercial": "some"}, "/use/commercial"),
        (FILM | {"seats": True}, "/use/seats"),
        (FILM | {"seats": "5"}, "/use/seats"),
        (FILM | {"exclusive": 1}, "/use/exclusive"),
        (FILM | {"starts": "2026-13-01"}, "/use/starts"),
        (FILM | {"starts": "2026-12-02", "ends": "2026-12-01"}, "/use/ends"),
        (FILM | {"content": ["runes"]}, "/use/content"),
        (FILM | {"runes": 1}, "/use/runes"),
    ],
)
def test_uses_that_cannot_be_judged_are_named_by_their_place(market: Market, use: Any, where: str) -> None:
    answer = post("/terms/check", {"layers": [{"pack": "alice/yunhai"}], "use": use})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.content
    assert answer.json()["findings"][0]["where"] == where


def test_two_layers_of_one_name_are_refused(market: Market) -> None:
    layers = [{"name": "a", "terms": {"base": base}} for base in ("studio", "personal")]
    answer = post("/terms/check", {"layers": layers, "use": FILM})

    assert (answer.status_code, answer.json()["code"]) == (422, "layers-refused"), answer.content
