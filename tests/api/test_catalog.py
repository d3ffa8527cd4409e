"""Finding packs, reading releases, and asking whether bytes are registered."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext

import ledger.operations
from marketplace.intake.operations import publish_folder
from marketplace.licensing import operations as licensing
from tests import packs
from tests.api.studios import ANYBODY, Market
from tests.cast import later

SITE = "http://testserver"


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [pack["pack"] for pack in answer.json()["data"]]


def test_a_pack_is_listed_with_its_lowest_price(market: Market) -> None:
    answer = ANYBODY.get("/packs?creator=alice")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "data": [
            {
                "pack": "alice/yunhai",
                "version": "1.0.0",
                "release": market.world.digest,
                "kind": "world",
                "title": {"en": "Sea of Clouds", "zh-Hans": "云海"},
                "creator": "Alice",
                "elements": ["style"],
                "base_model": "sd15",
                "ai_training": "not-allowed",
                "published_at": "2026-11-22T12:00:00Z",
                "from_price_minor": 0,
                "currency": "USD",
                "url": f"{SITE}/api/v1/packs/alice/yunhai",
            }
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["bob/ink", "alice/yunhai"]),
        ("?q=", ["bob/ink", "alice/yunhai"]),
        ("?q=harbor", ["bob/ink"]),
        ("?q=云海", ["bob/ink", "alice/yunhai"]),
        ("?q=nothing+like+this", []),
        ("?q=%27)%3B--", []),
        ("?kind=style", ["bob/ink"]),
        ("?kind=model", []),
        ("?element=style&base_model=sd15", ["bob/ink", "alice/yunhai"]),
        ("?base_model=flux1", []),
        ("?ai_training=not-allowed", ["bob/ink", "alice/yunhai"]),
        ("?creator=nobody", []),
        ("?creator=bob&kind=world", []),
    ],
)
def test_filters_narrow_the_list(market: Market, query: str, found: list[str]) -> None:
    assert names(ANYBODY.get("/packs" + query)) == found


def publish_more(market: Market, folder: Path, count: int, first: int = 0) -> list[str]:
    """Publishes packs that differ only in name and moment, two at each moment, so that ties are met."""
    for number in range(first, first + count):
        handle = f"pack-{number}"
        publish_folder(
            folder=packs.write(folder / handle, handle=handle, seed=5),
            creator=market.cast.mo,
            now=later(hours=2, minutes=number // 2),
        )
    return [f"mo/pack-{number}" for number in range(first, first + count)]


def test_pages_hold_each_pack_once_whatever_is_published_meanwhile(market: Market, tmp_path: Path) -> None:
    made = publish_more(market, tmp_path, 5)
    seen, address = [], "/packs?limit=2&base_model=sd15"
    while address:
        answer = ANYBODY.get(address)
        assert answer.status_code == 200
        seen += names(answer)
        cursor = answer.json()["next"]
        if cursor is None:
            assert "Link" not in answer.headers
            break
        link = f"{SITE}/api/v1/packs?limit=2&base_model=sd15&cursor={cursor}"
        assert answer.headers["Link"] == f'<{link}>; rel="next"'
        assert "2026" not in cursor
        address = link.removeprefix(SITE + "/api/v1")
        if len(seen) == 2:
            publish_more(market, tmp_path, 1, first=40)  # newer than all of them: it belongs before the first page

    assert sorted(seen) == sorted([*made, "alice/yunhai", "bob/ink"])
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("query", "where", "message"),
    [
        ("limit=0", "limit", "must be a whole number from 1 to 100."),
        ("limit=101", "limit", "must be a whole number from 1 to 100."),
        ("limit=-1", "limit", "must be a whole number from 1 to 100."),
        ("limit=1e1", "limit", "must be a whole number from 1 to 100."),
        ("limit=٣", "limit", "must be a whole number from 1 to 100."),
        ("kind=planet", "kind", "must be one of world, characters, style, model, prompts, composition."),
        ("kimd=world", "kimd", "is not known here."),
        ("kind=world&kind=style", "kind", "stands twice: give it once."),
        ("q=%00", "q", "holds control characters."),
        ("creator=%00", "creator", "holds control characters."),
        ("q=" + "a" * 201, "q", "is longer than 200 characters."),
        ("cursor=abc", "cursor", "is no cursor of this list: take it from `next`."),
        ("cursor=%F0%9F%98%80", "cursor", "is no cursor of this list: take it from `next`."),
        # Well formed, but of the list of grants; then without a time zone.
        (
            "cursor=Z3JhbnRzfDIwMjYtMTEtMjJUMTI6MDA6MDArMDA6MDB-M2YyNTA0ZTAtNGY4OS00MWQzLTlhMGMtMDMwNWU4MmMzMzAx",
            "cursor",
            "is no cursor of this list: take it from `next`.",
        ),
        (
            "cursor=cGFja3N8MjAyNi0xMS0yMlQxMjowMDowMH4zZjI1MDRlMC00Zjg5LTQxZDMtOWEwYy0wMzA1ZTgyYzMzMDE",
            "cursor",
            "is no cursor of this list: take it from `next`.",
        ),
        ("format=xml", "format", "is not known here."),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_with_its_place(
    market: Market, query: str, where: str, message: str
) -> None:
    answer = ANYBODY.get("/packs?" + query)

    assert answer.status_code == 422, answer.content
    assert answer.json()["code"] == "invalid-request"
    assert answer.json()["findings"] == [{"in": "query", "where": where, "message": message}]


def test_a_release_tells_its_manifest_offers_and_proof(sealed: Market) -> None:
    answer = ANYBODY.get("/packs/alice/yunhai")
    body = answer.json()

    assert body["release"] == sealed.world.digest
    assert body["manifest"]["format"] == "worldloom/release-manifest/1"
    assert [(one["terms"], one["price_minor"], one["currency"]) for one in body["offers"]] == [
        ("enterprise", 90_000, "CNY"),
        ("personal", 0, "USD"),
        ("studio", 10_001, "USD"),
    ]
    assert body["offers"][1]["allows"] == [
        "Change it for your own projects",
        "One person",
        "For every field of use",
        "In every medium",
        "Everywhere",
        "Without a time limit",
        "No kind of content or use is banned beyond these terms and the law",
        "What you make with it is yours",
        "No approval needed",
        "No duty to share what you make under the same license",
        "No royalty on what works made from it earn",
    ]
    assert body["offers"][1]["forbids"] == [
        "No commercial use",
        "No AI training with it",
        "No passing on of the files",
        "No sublicenses",
        "No transfer of the license",
        "Not exclusive, so that others may be licensed too",
    ]
    assert body["offers"][1]["requires"] == ["Credit the creator by name"]
    assert (body["proof"]["state"], body["proof"]["transaction"]) == ("sealed", None)
    assert isinstance(body["proof"]["index"], int)
    same = ANYBODY.get(f"/releases/{sealed.world.digest.upper()}")
    assert same.json() == body
    assert ANYBODY.get("/packs/alice/yunhai?version=1.0.0").json() == body


def test_words_follow_the_language_asked_for_and_nothing_else(market: Market) -> None:
    english = ANYBODY.get("/packs/alice/yunhai")
    chinese = ANYBODY.get("/packs/alice/yunhai", Accept_Language="fr;q=0.9, zh-CN, en;q=0.1")
    ANYBODY.client.cookies["django_language"] = "zh-hans"
    cookie = ANYBODY.get("/packs/alice/yunhai")
    del ANYBODY.client.cookies["django_language"]

    assert chinese.headers["Content-Language"] == "zh-hans"
    assert chinese.json()["offers"][1]["allows"] != english.json()["offers"][1]["allows"]
    assert chinese.headers["ETag"] != english.headers["ETag"]
    assert cookie.content == english.content
    assert "Accept-Language" in english.headers["Vary"]
    refused = ANYBODY.get("/nothing", Accept_Language="zh-Hans").json()["detail"]
    with translation.override("zh-hans"):
        assert refused == gettext("There is no address /api/v1/%s: see /api/v1/schema.") % "nothing"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/packs/alice/nothing", 404, "not-found"),
        ("/packs/nobody/yunhai", 404, "not-found"),
        ("/packs/alice/yunhai?version=9.9.9", 404, "not-found"),
        ("/packs/alice/yunhai?version=%00", 422, "invalid-request"),
        ("/packs/alice/yunhai/", 404, "not-found"),
        ("/releases/" + "0" * 64, 404, "not-found"),
        ("/releases/abc", 422, "invalid-request"),
        ("/releases/%00", 422, "invalid-request"),
        ("/verify/" + "g" * 64, 422, "invalid-request"),
        ("/verify/" + "0" * 65, 422, "invalid-request"),
        ("/packs/", 404, "not-found"),
        ("/", 404, "not-found"),
        ("/a%0Ab", 404, "not-found"),
        ("/packs/%ff%fe/x", 404, "not-found"),
    ],
)
def test_what_is_not_there_is_a_problem(market: Market, path: str, status: int, code: str) -> None:
    answer = ANYBODY.get(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_bytes_are_pending_then_sealed(market: Market) -> None:
    file = next(one for one in ANYBODY.get("/packs/bob/ink").json()["manifest"]["assets"] if one["role"] == "content")
    before = ANYBODY.get(f"/verify/{file['sha256'].upper()}").json()
    ledger.operations.seal(now=later(hours=2))
    after = ANYBODY.get(f"/verify/{file['sha256']}").json()

    assert (before["proof"]["state"], before["proof"]["index"]) == ("pending", None)
    assert (after["proof"]["state"], after["proof"]["entry_sha256"]) == ("sealed", before["proof"]["entry_sha256"])
    del before["proof"], after["proof"]
    assert before == after == {
        "sha256": file["sha256"],
        "matches": True,
        "registered_at": "2026-11-22T13:00:00Z",
        "releases": [
            {
                "pack": "bob/ink",
                "version": "1.0.0",
                "release": market.derived.digest,
                "creator": "Bob",
                "published_at": "2026-11-22T13:00:00Z",
                "url": f"{SITE}/api/v1/releases/{market.derived.digest}",
            }
        ],
    }  # fmt: skip


def test_unknown_bytes_match_nothing(market: Market) -> None:
    assert ANYBODY.get("/verify/" + "0" * 64).json() == {
        "sha256": "0" * 64,
        "matches": False,
        "registered_at": None,
        "releases": [],
        "proof": None,
    }


@pytest.mark.parametrize("path", ["/packs", "/packs/alice/yunhai", "/verify/" + "0" * 64, "/schema"])
def test_a_read_is_answered_once_while_nothing_changes(market: Market, path: str) -> None:
    first = ANYBODY.get(path)
    tag = first.headers["ETag"]
    again = ANYBODY.get(path, If_None_Match=f'"other", W/{tag}')

    assert first.headers["Cache-Control"] == "public, no-cache"
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "public, no-cache"
    assert again.headers["X-Request-Id"]
    assert ANYBODY.get(path, If_None_Match='"other"').status_code == 200
    head = ANYBODY.call("HEAD", path)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", tag)


def test_a_changed_read_has_another_tag(market: Market) -> None:
    tag = ANYBODY.get("/packs/alice/yunhai").headers["ETag"]
    licensing.withdraw_offer(offer=market.offer("studio"), now=later(hours=3))

    answer = ANYBODY.get("/packs/alice/yunhai", If_None_Match=tag)

    assert answer.status_code == 200
    assert [one["terms"] for one in answer.json()["offers"]] == ["enterprise", "personal"]


def test_a_page_of_24_packs_takes_few_queries(
    market: Market, tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    publish_more(market, tmp_path, 3)
    with django_assert_max_num_queries(25) as few:
        assert len(names(ANYBODY.get("/packs?limit=2"))) == 2
    with django_assert_max_num_queries(25) as more:
        assert len(names(ANYBODY.get("/packs?limit=5"))) == 5

    assert len(more) == len(few)


def test_bytes_are_anchored_when_a_chain_vouches_for_them(sealed: Market, settings: Any) -> None:
    settings.ADAPTERS = settings.ADAPTERS | {"chain": "tests.ledger.paper.PaperChain"}
    receipt = ledger.operations.anchor(now=later(hours=3))
    assert receipt is not None
    file = ANYBODY.get("/packs/bob/ink").json()["manifest"]["assets"][0]["sha256"]

    proof = ANYBODY.get(f"/verify/{file}").json()["proof"]

    assert (proof["state"], proof["transaction"]) == ("anchored", receipt.transaction)
    assert ANYBODY.get("/packs/bob/ink").json()["proof"]["state"] == "anchored"
