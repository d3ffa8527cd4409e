"""What a claim rests on, in words: every measure beside what it needed, and a digest never cut short."""

from typing import Any

from marketplace.portal import evidence

DIGEST = "5c" * 32
FILES: dict[str, Any] = {
    "disputed": {"sha256": DIGEST, "size_bytes": 1_234_567, "path": "ink.safetensors", "member": ""},
    "claimed": {
        "sha256": DIGEST,
        "path": "style.safetensors",
        "member": "weights/style.safetensors",
        "pack": "alice/clouds@1.0.0",
        "release": DIGEST,
        "published_at": "2026-11-22T12:00:00Z",
        "stated_at": "2026-11-22T12:00:00Z",
        "leaf_index": 7,
    },
}


def said(**found: Any) -> list[tuple[str, str, str]]:
    facts = evidence.measures({**FILES, "found": found})
    return [(fact.name, fact.value, fact.needed) for fact in facts]


def test_both_files_are_named_in_one_order() -> None:
    files = evidence.files(FILES)
    assert [(fact.name, fact.value) for fact in files["disputed"]] == [
        ("File", "ink.safetensors"),
        ("Size", "1.2\u00a0MB"),
        ("SHA-256", DIGEST),
    ]
    assert [fact.value for fact in files["claimed"]] == [
        "style.safetensors",
        "weights/style.safetensors",
        "alice/clouds@1.0.0",
        "Nov 22, 2026, 12:00 UTC",
        "Nov 22, 2026, 12:00 UTC",
        "7",
        DIGEST,
    ]


def test_a_picture_says_its_bits_and_how_it_was_changed() -> None:
    bits = {"pdq_bits": 4, "pdq_of_bits": 256, "pdq_limit_bits": 31}
    bits |= {"phash_bits": 0, "phash_of_bits": 64, "phash_limit_bits": 14}
    whole = {"left": 0, "top": 0, "right": 0, "bottom": 0}
    plain = [
        ("Bits in which the pictures differ, by PDQ", "4 of 256", "up to 31 is a match"),
        ("Bits in which the pictures differ, by pHash", "0 of 64", "up to 14 is a match"),
    ]
    assert said(measure="pdq-phash", turn="upright", cropped_percent=whole, **bits) == plain
    cut = said(measure="pdq-phash", turn="mirrored", cropped_percent={**whole, "left": 5, "bottom": 12}, **bits)
    assert cut == [*plain, ("How it is turned", "mirrored", ""), ("Cut off", "left 5%, bottom 12%", "")]


def test_weights_say_what_was_needed_and_leave_out_what_cannot_be_told() -> None:
    found = {
        "measure": "weights-containment/1",
        "layers": 192,
        "other_layers": 264,
        "layers_compared": 190,
        "cosine_ppm": -612_349,
        "containment_ppm": 481_250,
        "containment_needed_ppm": 268_750,
        "aligned_ppm": None,
        "aligned_needed_ppm": 60_000,
        "layers_contained_ppm": 1_000_000,
        "vectors_ppm": None,
        "identical_bytes_ppm": 0,
        "groups": [{"group": "down.0", "layers": 12, "cosine_ppm": 990_000, "containment_ppm": None}],
    }
    assert said(**found) == [
        ("Layers compared", "190, of 192 and 264", ""),
        ("How alike the changes are (cosine)", "-61.23%", ""),
        ("How much of one is contained in the other", "48.12%", "26.87% is a match"),
        ("Share of the layers that are contained", "100%", ""),
        ("Bytes that are the same", "0%", ""),
    ]
    assert evidence.groups({**FILES, "found": found}) == [evidence.Group("down.0", 12, "99%", "")]


def test_a_digest_and_a_statement_alone() -> None:
    (fact,) = evidence.measures({**FILES, "found": {"measure": "tensor-root", "tensor_root": DIGEST}})
    assert (fact.value, fact.is_digest) == (DIGEST, True)
    assert said() == []
    assert evidence.score(984_375) == "98.43%"
    assert evidence.score(999_999) == "99.99%"  # never rounded up to the whole
