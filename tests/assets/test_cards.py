"""Alice's character cards: as JSON, in a picture, in an archive; and what of them is known."""

import base64
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.inspectors.base import Inspection, Limits, Refused
from assets.inspectors.dispatch import inspect_file
from assets.inspectors.prompts import inspect_json
from tests.assets import makers as make
from tests.assets.hostile_cards import asset, book, card, card_chunk, charx, data_uri, text_chunk

LIN = {
    "kind": "card",
    "spec": "chara_card_v3",
    "claims": {"character_version": "1.2", "creator": "alice", "name": "Lin"},
    "greetings": 2,
    "book_entries": 0,
    "assets": 1,
    "tags": ["clouds", "ferry"],
    "characters": 126,
    "languages": ["en", "zh-Hans"],
}


def inspect(folder: Path, name: str, data: bytes) -> Inspection:
    return inspect_file(make.written(folder, "file", data), name)


def in_json(value: Any) -> dict[str, Any]:
    return inspect_json(io.BytesIO(json.dumps(value, ensure_ascii=False).encode()), Limits()).facts


def test_a_card_in_json_shows_who_it_is(tmp_path: Path) -> None:
    inspection = inspect(tmp_path, "lin.json", json.dumps(card()).encode())

    assert inspection.media_type == "application/json"
    assert inspection.facts == {"format": "worldloom/asset-facts/1"} | LIN


def test_a_picture_that_carries_a_card_is_a_picture_and_a_card(tmp_path: Path) -> None:
    inspection = inspect(tmp_path, "lin.png", make.png(card_chunk(card())))

    assert inspection.media_type == "image/png"
    assert (inspection.facts["kind"], inspection.facts["width"]) == ("picture", 4)
    assert inspection.facts["card"] == LIN


def test_a_picture_without_a_card_has_none(tmp_path: Path) -> None:
    comment = text_chunk("Comment", b"character of the sea")

    assert "card" not in inspect(tmp_path, "a.png", make.png(comment)).facts


def test_of_two_cards_in_a_picture_the_newer_one_counts(tmp_path: Path) -> None:
    older = card(2, name="Lin the elder")
    both = make.png(card_chunk(older, "chara"), card_chunk(card()))
    alone = make.png(card_chunk(older, "chara"))

    assert inspect(tmp_path, "a.png", both).facts["card"]["claims"]["name"] == "Lin"
    assert inspect(tmp_path, "a.png", alone).facts["card"] | {"claims": None} == LIN | {
        "spec": "chara_card_v2",
        "claims": None,
        "assets": 0,
    }


def test_assets_of_a_picture_stand_in_chunks_of_their_own(tmp_path: Path) -> None:
    sheet = text_chunk("chara-ext-asset_:sheet", base64.b64encode(make.png()))
    listed = card(assets=[asset("ccdefault:"), asset("__asset:sheet"), asset("__asset:sheet", type="emotion")])

    facts = inspect(tmp_path, "lin.png", make.png(card_chunk(listed), sheet)).facts

    assert facts["card"]["assets"] == 3


def test_a_card_archive_is_a_card_with_members(tmp_path: Path) -> None:
    listed = card(assets=[asset("embeded://assets/icon/images/a.png"), asset("ccdefault:")])
    files = {"icon/images/a.png": make.picture(), "x_model/ai/lin.safetensors": make.lora()}

    inspection = inspect(tmp_path, "lin.charx", charx(listed, **files))

    assert inspection.media_type == "application/vnd.character-card+zip"
    assert [m["path"] for m in inspection.facts["members"]] == [f"assets/{name}" for name in files]
    del inspection.facts["members"]
    assert inspection.facts == {"format": "worldloom/asset-facts/1"} | LIN | {"assets": 2}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_card_in_json_may_hold_pictures_in_itself(kind: str) -> None:
    held = card(assets=[asset(data_uri(make.picture(kind.upper()), f"image/{kind}"))])

    assert in_json(held)["assets"] == 1


def test_a_book_is_counted_and_its_language_heard() -> None:
    told = card(2, character_book=book(content="这个国家的历史", use_regex=True, keys=["/fer+y/i"]))

    facts = in_json(told)

    assert (facts["book_entries"], facts["characters"]) == (1, 133)


@pytest.mark.parametrize(
    "fields",
    [
        {"creator_notes": "Based on a = b. Onward! **bold** [my page](https://example.org) <3 <START>"},
        {"first_mes": "<b>Lin</b> smiles; once = never. {{user}} <USER> <bot> a < b and c > d, on time = early"},
        {"mes_example": "JavaScript, the good parts? No. Java script. A scripted scene, an object of desire."},
        {"extensions": {"talkativeness": "0.5", "fav": False, "regex_scripts": [], "chub": {"id": 7}}},
        {"extensions": {"homepage": "https://example.org/lin", "license": "https://example.org/terms"}},
        {"tags": [], "alternate_greetings": None, "personality": None, "character_book": None, "first_mes": None},
        {"unknown": {"a": [1, 2.5, None]}},
        {"creator_notes_multilingual": {"en": "hi", "zh": "你好"}, "nickname": "L", "creation_date": 1760000000},
    ],
)  # fmt: skip
def test_honest_words_and_fields_are_not_mistaken_for_scripts(fields: dict[str, Any]) -> None:
    assert in_json(card(**fields))["kind"] == "card"


def test_a_large_card_is_no_large_prompt_set() -> None:
    large = card(alternate_greetings=["x" * 150_000] * 26, assets=[asset(data_uri(noise_png()))])
    data = json.dumps(large).encode()

    assert len(data) > Limits().prompts_bytes
    assert inspect_json(io.BytesIO(data), Limits()).facts["greetings"] == 27


def noise_png() -> bytes:
    """Returns a picture that does not compress: 600 kB."""
    import zlib

    rng = random.Random(1)
    rows = b"".join(b"\0" + rng.randbytes(800) for _ in range(800))
    return make.png(width=800, height=800, pixels=zlib.compress(rows))


CARDS = [
    (json.dumps(card()).encode(), "lin.json"),
    (make.png(card_chunk(card(assets=[asset("__asset:0")])), text_chunk("chara-ext-asset_:0", b"aGk=")), "lin.png"),
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CARDS), st.randoms(use_true_random=False))
def test_a_changed_card_is_refused_or_accepted_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, item: tuple[bytes, str], rng: random.Random
) -> None:
    changed = bytearray(item[0])
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(changed))
        changed[at : at + rng.randint(0, 2)] = bytes(rng.choices(b'{}[]":,0a<\\\xff', k=rng.randint(0, 2)))
    try:
        assert inspect(tmp_path_factory.getbasetemp(), item[1], bytes(changed)).facts["format"]
    except Refused as refusal:
        messages = [finding.message for finding in refusal.findings]
    else:
        messages = []
    assert all(message.isprintable() for message in messages)
