"""Drafts and search, as plain data."""

from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog import manifests, rules
from marketplace.catalog.rules import Draft, DraftElement, DraftFile, DraftParent

GOOD = Draft(
    handle="yunhai",
    version="1.0.0",
    kind="world",
    title={"en": "Sea of Clouds", "zh-Hans": "云海"},
    summary={"en": "A world above the weather."},
    files=(DraftFile("cover.png", "preview"), DraftFile("style.safetensors")),
    cover="cover.png",
    elements=(DraftElement("ink", "style", {"en": "Ink"}, ("style.safetensors",)),),
    split={"alice": 700_000_000, "mo": 300_000_000},
    derived_from=(DraftParent("mo", "ink-style", "1.0.0", 200_000_000),),
)


def test_a_good_draft_has_no_findings() -> None:
    assert rules.findings_in(GOOD) == []


@pytest.mark.parametrize(
    ("where", "change", "word"),
    [
        ("handle", {"handle": "Yun Hai"}, "Yun Hai"),
        ("version", {"version": "1.0"}, "1.0"),
        ("version", {"version": "01.0.0"}, "01.0.0"),
        ("kind", {"kind": "planet"}, "planet"),
        ("made_by", {"made_by": "elves"}, "elves"),
        ("ai_training", {"ai_training": "yes"}, "yes"),
        ("base_model", {"base_model": "gpt"}, "gpt"),
        ("title", {"title": {}}, "title"),
        ("title", {"title": {"en": "x" * 121}}, "120"),
        ("title", {"title": {"fr": "Mer"}}, "fr"),
        ("title", {"title": {"en": "a\x07b"}}, "control"),
        ("summary", {"summary": {"en": "x" * 2001}}, "2000"),
        ("tags", {"tags": tuple(map(str, range(21)))}, "21"),
        ("tags", {"tags": ("",)}, "tag"),
        ("files", {"files": ()}, "no files"),
        ("files", {"files": (DraftFile("cover.png", "preview"), DraftFile("s", "secret"))}, "secret"),
        ("files", {"files": (DraftFile("cover.png", "preview"),)}, "nothing to license"),
        ("cover", {"cover": "other.png"}, "other.png"),
        ("cover", {"cover": "style.safetensors"}, "preview"),
        ("element Ink", {"elements": (DraftElement("Ink", "style", {"en": "I"}),)}, "Ink"),
        ("element ink", {"elements": (DraftElement("ink", "mood", {"en": "I"}),)}, "mood"),
        ("element ink", {"elements": (DraftElement("ink", "style", {"en": "I"}, ("gone",)),)}, "gone"),
        ("element ink", {"elements": (*GOOD.elements, *GOOD.elements)}, "Two elements"),
        ("split", {"split": {"alice": 999_999_999}}, "999999999"),
        ("split", {"split": {"alice": 1_000_000_000, "bob": 0}}, "bob"),
        ("derived_from", {"derived_from": (DraftParent("mo", "ink", "1.0.0", -1),)}, "-1"),
        ("derived_from", {"derived_from": (DraftParent("mo", "ink", "1.0.0", 0),)}, "at least 1"),
        ("derived_from", {"derived_from": (DraftParent("mo", "ink", "1.0.0", 10**9),)}, "nothing for this release"),
        (
            "derived_from",
            {"derived_from": (DraftParent("mo", "ink", "1.0.0", 1), DraftParent("mo", "ink", "2.0.0", 1))},
            "twice",
        ),
    ],
)
def test_a_finding_says_where_and_what(where: str, change: dict[str, object], word: str) -> None:
    findings = rules.findings_in(replace(GOOD, **change))  # type: ignore[arg-type]

    assert any(finding.where == where and word in finding.message for finding in findings), findings
    assert all(finding.message.endswith((".", "…")) for finding in findings)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mo/ink-style@1.0.0", ("mo", "ink-style", "1.0.0")),
        ("mo/ink-style", None),
        ("mo@1.0.0", None),
        ("mo/ink@01.0.0", None),
        ("Mo/ink@1.0.0", None),
    ],
)
def test_references(text: str, found: tuple[str, str, str] | None) -> None:
    assert rules.parse_reference(text) == found


def test_versions_are_ordered_by_number() -> None:
    assert sorted(["1.10.0", "1.2.0", "0.9.9"], key=rules.version_key) == ["0.9.9", "1.2.0", "1.10.0"]


def test_chinese_is_found_by_overlapping_pairs() -> None:
    assert rules.search_terms("云海之上 Sea") == ["云海", "海之", "之上", "sea"]
    assert rules.search_terms("云海", single=True) == ["云海", "云", "海"]
    assert rules.search_terms("雨") == ["雨"]
    assert rules.search_terms("ＳＤＸＬ水墨lora") == ["sdxl", "水墨", "lora"]


def test_a_query_asks_for_all_words_and_lets_the_last_one_be_unfinished() -> None:
    assert rules.search_query("night har") == "'night' & 'har':*"
    assert rules.search_query("云海 night") == "'云海' & 'night':*"
    assert rules.search_query("水墨画") == "'水墨' & '墨画'"
    assert rules.search_query("  !!! ") == ""


@given(st.text(max_size=80))
def test_no_text_makes_a_query_that_breaks_out(text: str) -> None:
    for part in rules.search_query(text).split(" & "):
        assert not part or (part.startswith("'") and part.removesuffix(":*").endswith("'"))
        assert "'" not in part.removesuffix(":*")[1:-1]
        assert "\\" not in part


@given(st.text(alphabet="云海水墨雨夜", min_size=2, max_size=12), st.data())
def test_every_piece_of_a_chinese_title_finds_it(title: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(title) - 2))
    piece = title[start : data.draw(st.integers(start + 2, len(title)))]

    assert set(rules.search_terms(piece)) <= set(rules.search_terms(title, single=True))


def test_a_manifest_is_canonical_and_names_what_it_is() -> None:
    data = manifests.manifest(
        GOOD,
        creator="alice",
        assets=[manifests.ManifestAsset("cover.png", "00" * 32, 1, "image/png", "preview")],
        parents=[manifests.ManifestParent("11" * 32, "mo/ink-style", "1.0.0", 200_000_000)],
        split="22" * 32,
        published_at="2026-11-22T12:00:00Z",
    )
    import json

    document = json.loads(data)
    assert rfc8785.dumps(document) == data
    assert document["format"] == "worldloom/release-manifest/1"
    assert document["pack"] == "alice/yunhai"
    assert document["derived_from"] == [
        {"release": "11" * 32, "pack": "mo/ink-style", "version": "1.0.0", "share_ppb": 200_000_000}
    ]
