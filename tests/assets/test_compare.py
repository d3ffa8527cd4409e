"""Alice publishes; what Bob brings that is hers, whole, changed or in part, is found, and nothing else is."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from assets.inspectors import sandbox
from assets.inspectors.base import Finding, Refused
from assets.models import Asset, Fingerprint
from assets.originality.compare import UnableToCompare, find_matches
from tests.assets import loras
from tests.assets.art import drawn, file_of, saved
from tests.assets.bringing import brought, compared, factors, published
from tests.assets.door import place_of, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _known_key(settings: pytest.FixtureRequest) -> None:
    settings.FINGERPRINT_KEY = bytes(range(32)).hex()


PICTURE = drawn(1)
PROMPTS = [
    f"a {age} {who} walks through the {place} at {hour}, wearing a red cloak, ink wash on rice paper"
    for age, who, place, hour in [
        ("young", "wanderer", "floating market", "dawn"),
        ("old", "ferryman", "drowned city", "noon"),
        ("tired", "courier", "salt desert", "midnight"),
        ("masked", "dancer", "lantern bridge", "dusk"),
        ("silent", "monk", "stone forest", "first light"),
    ]
]


def text_of(prompts: list[str]) -> bytes:
    return "\n".join(prompts).encode()


def zip_of(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return out.getvalue()


def test_the_same_bytes_are_the_same_asset_and_nothing_more_is_said(tmp_path: Path) -> None:
    data = file_of(PICTURE)
    (hers,) = published([("art.png", data)])

    (match,) = brought(tmp_path, "mine.png", data)

    assert (match.relation, match.asset_id, match.score_ppm) == ("same-bytes", hers.pk, 1_000_000)
    assert match.evidence == {"measure": "sha256", "sha256": hashlib.sha256(data).hexdigest()}


@pytest.mark.parametrize(
    ("steal", "turn"),
    [
        (lambda p: saved(p, "JPEG", quality=30), "upright"),
        (lambda p: saved(p, "WEBP", quality=60), "upright"),
        (lambda p: p.resize((240, 180)), "upright"),
        (lambda p: p.resize((960, 900)), "upright"),
        (lambda p: p.convert("L"), "upright"),
        (lambda p: ImageEnhance.Brightness(p).enhance(0.7), "upright"),
        (lambda p: ImageOps.mirror(p), "mirrored"),
        (lambda p: ImageOps.flip(p), "flipped"),
        (lambda p: p.transpose(Image.Transpose.ROTATE_90), "rotated-270"),
        (lambda p: p.transpose(Image.Transpose.ROTATE_180), "rotated-180"),
        (lambda p: p.transpose(Image.Transpose.ROTATE_270), "rotated-90"),
        (lambda p: saved(ImageOps.mirror(p), "JPEG", quality=50).resize((300, 300)), "mirrored"),
    ],
)
def test_a_picture_saved_anew_resized_or_turned_is_found(
    tmp_path: Path, steal: Callable[[Image.Image], Image.Image], turn: str
) -> None:
    (hers,) = published([("art.png", file_of(PICTURE))])
    published([("other.png", file_of(drawn(2)))])

    (match,) = brought(tmp_path, "mine.png", file_of(steal(PICTURE)))

    assert (match.relation, match.asset_id) == ("same-picture", hers.pk)
    assert match.evidence["turn"] == turn
    assert match.evidence["pdq_bits"] <= 31
    assert match.score_ppm == (256 - match.evidence["pdq_bits"]) * 1_000_000 // 256


def test_a_picture_cut_at_two_sides_is_found_and_the_evidence_says_where(tmp_path: Path) -> None:
    (hers,) = published([("art.png", file_of(PICTURE))])

    (match,) = brought(tmp_path, "mine.png", file_of(PICTURE.crop((24, 18, 480, 360))))

    assert (match.relation, match.asset_id) == ("same-picture", hers.pk)
    assert match.evidence["cropped_percent"] == {"top": 5, "bottom": 0, "left": 5, "right": 0}


@pytest.mark.parametrize("color", ["white", "black", "#804020"])
def test_a_picture_in_a_frame_is_found(tmp_path: Path, color: str) -> None:
    (hers,) = published([("art.png", file_of(PICTURE))])

    (match,) = brought(tmp_path, "mine.png", file_of(ImageOps.expand(PICTURE, 40, color)))

    assert (match.relation, match.asset_id) == ("same-picture", hers.pk)


def test_other_pictures_and_flat_ones_match_nothing(tmp_path: Path) -> None:
    published([(f"{seed}.png", file_of(drawn(seed))) for seed in range(1, 9)])
    published([("flat.png", file_of(Image.new("RGB", (300, 200), "#336699")))])

    assert brought(tmp_path, "mine.png", file_of(drawn(20))) == []
    assert brought(tmp_path, "flat.png", file_of(Image.new("RGB", (301, 200), "#336699"))) == []
    assert not Fingerprint.objects.filter(asset__facts__width=300).exists()


def test_prompts_in_another_order_and_format_are_found_with_what_they_share(tmp_path: Path) -> None:
    (hers,) = published([("p.txt", text_of(PROMPTS))])

    stolen = json.dumps({"prompts": [p.upper().replace("RED CLOAK", "(RED CLOAK:1.3)") for p in PROMPTS[::-1]]})
    (match,) = brought(tmp_path, "mine.json", stolen.encode())

    assert (match.relation, match.asset_id, match.score_ppm) == ("same-prompts", hers.pk, 1_000_000)
    assert match.evidence["jaccard_ppm"] == 1_000_000
    assert (match.evidence["shared_prompts"], match.evidence["prompts"], match.evidence["other_prompts"]) == (5, 5, 5)


def test_prompts_within_a_larger_set_are_found_as_contained(tmp_path: Path) -> None:
    (hers,) = published([("p.txt", text_of(PROMPTS))])
    pairs = [("owl", "teal"), ("fox", "amber"), ("crab", "gray"), ("moth", "violet")]
    own = [f"a clockwork {who} sleeping under glass, studio light, {hue} background, sharp focus" for who, hue in pairs]

    (match,) = brought(tmp_path, "mine.txt", text_of(PROMPTS + own))

    assert (match.relation, match.asset_id) == ("same-prompts", hers.pk)
    assert match.evidence["of_theirs_ppm"] == 1_000_000
    assert match.evidence["jaccard_ppm"] < 700_000
    assert match.evidence["shared_prompts"] == 5


def test_a_few_words_and_other_words_match_nothing(tmp_path: Path) -> None:
    published([("p.txt", text_of(PROMPTS)), ("short.txt", b"masterpiece, best quality, a cat")])

    assert brought(tmp_path, "short.txt", b"Masterpiece, best quality, a cat!") == []
    other = [p.replace("walks through", "dreams of").replace("ink wash on rice paper", "oil on oak") for p in PROMPTS]
    assert brought(tmp_path, "mine.txt", text_of([p[::-1] for p in other])) == []


def test_weights_with_other_metadata_or_names_are_the_same_weights(tmp_path: Path) -> None:
    mine = factors(1)
    (hers,) = published([("a.safetensors", loras.kohya(mine))])

    (stripped,) = brought(tmp_path, "b.safetensors", loras.kohya(mine, metadata={"ss_output_name": "bobs"}))
    (renamed,) = brought(tmp_path, "b.safetensors", loras.kohya(mine, name=lambda layer: "lora_unet_" + layer))

    assert (stripped.relation, stripped.asset_id) == ("same-weights", hers.pk)
    assert stripped.evidence["measure"] == "tensor-root"
    assert (renamed.relation, renamed.evidence["measure"]) == ("same-weights", "tensor-bag")
    assert renamed.evidence["tensor_bag"] == hers.facts["tensor_bag_root"]


def test_weights_split_anew_and_cut_to_a_lower_rank_are_proven(tmp_path: Path) -> None:
    (hers,) = published([("a.safetensors", loras.kohya(factors(1)))])
    published([("c.safetensors", loras.kohya(factors(2)))])
    rng = np.random.Generator(np.random.PCG64(5))

    (split,) = brought(tmp_path, "b.safetensors", loras.kohya(loras.gauged(factors(1), rng)))
    (cut,) = brought(tmp_path, "b.safetensors", loras.kohya(loras.resized(factors(1), 4)))

    assert (split.relation, split.asset_id) == ("same-weights", hers.pk)
    assert (cut.relation, cut.asset_id) == ("derived-weights", hers.pk)
    assert cut.evidence["containment_ppm"] > 900_000
    assert [source["asset_id"] for source in cut.evidence["sources"]] == [str(hers.pk)]


def test_a_merge_is_unmixed_into_its_sources_and_their_weights(tmp_path: Path) -> None:
    hers, carols, _other = published([(f"{n}.safetensors", loras.kohya(factors(n))) for n in (1, 2, 3)])
    merge = loras.kohya(loras.concatenated([(factors(1), 0.5), (factors(2), 0.25)]))

    matches = brought(tmp_path, "b.safetensors", merge)

    assert [(m.relation, m.asset_id) for m in matches] == sorted(
        (("merged-weights", pk) for pk in (hers.pk, carols.pk)),
        key=lambda m: next((-found.score_ppm, m[1]) for found in matches if found.asset_id == m[1]),
    )
    for match in matches:
        sources = {source["asset_id"]: source["weight_ppm"] for source in match.evidence["sources"]}
        assert set(sources) == {str(hers.pk), str(carols.pk)}
        assert sources[str(hers.pk)] == pytest.approx(500_000, abs=20_000)
        assert sources[str(carols.pk)] == pytest.approx(250_000, abs=20_000)


def test_who_is_like_a_source_of_a_merge_and_not_in_it_is_not_found(tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(5))

    def noise(x: loras.Matrix) -> loras.Matrix:
        return (x.std() * rng.standard_normal(x.shape)).astype(np.float32)

    def of_one_seed(up: loras.Matrix, down: loras.Matrix) -> tuple[loras.Matrix, loras.Matrix]:
        """What another author makes of the same seed and subject: down all but equal, and half of up."""
        mixed = up @ (rng.standard_normal((8, 8)) / np.sqrt(8)).astype(np.float32)
        return 0.52 * up + 0.45 * mixed + 0.75 * noise(up), 0.85 * down + 0.53 * noise(down)

    like = loras.changed(factors(1), of_one_seed)
    hers, carols = published([(f"{n}.safetensors", loras.kohya(factors(n))) for n in (1, 2)])
    merge = loras.kohya(loras.summed([(factors(1), 0.35), (factors(2), 0.65)]))

    assert brought(tmp_path, "d.safetensors", loras.kohya(like)) == []
    published([("d.safetensors", loras.kohya(like))])
    assert {match.asset_id for match in brought(tmp_path, "b.safetensors", merge)} == {hers.pk, carols.pk}


def test_what_is_admitted_through_the_sandbox_is_found(tmp_path: Path) -> None:
    assets = send(
        [("a.png", file_of(PICTURE)), ("a.safetensors", loras.kohya(factors(1))), ("a.txt", text_of(PROMPTS))]
    )

    kept = Fingerprint.objects.filter(asset__in=assets).order_by("kind").values_list("kind", flat=True)
    assert list(kept) == [
        "picture-pdq", "picture-phash", "prompts-minhash", "tensor-bag", "tensor-root", "weights-sketch",
    ]  # fmt: skip
    (match,) = brought(tmp_path, "b.webp", file_of(PICTURE, "WEBP"))
    assert match.asset_id == assets[0].pk


def test_other_weights_match_nothing(tmp_path: Path) -> None:
    published([(f"{n}.safetensors", loras.kohya(factors(n))) for n in (1, 2, 3)])

    assert brought(tmp_path, "b.safetensors", loras.kohya(factors(9))) == []


def test_what_hides_in_an_archive_is_found_member_by_member(tmp_path: Path) -> None:
    picture, weights, words = published(
        [("a.png", file_of(PICTURE)), ("a.safetensors", loras.kohya(factors(1))), ("p.txt", text_of(PROMPTS))]
    )
    archive = zip_of(
        {
            "art/one.jpg": file_of(ImageOps.mirror(PICTURE), "JPEG", quality=60),
            "model.safetensors": loras.kohya(loras.resized(factors(1), 4)),
            "words.txt": text_of(PROMPTS[::-1]),
            "own.png": file_of(drawn(7)),
        }
    )

    matches = brought(tmp_path, "pack.zip", archive)

    assert [(m.relation, m.asset_id, m.member) for m in matches] == [
        ("derived-weights", weights.pk, "model.safetensors"),
        ("same-picture", picture.pk, "art/one.jpg"),
        ("same-prompts", words.pk, "words.txt"),
    ]


def test_what_is_published_in_an_archive_is_found_from_outside(tmp_path: Path) -> None:
    members = {"art.png": file_of(PICTURE), "model.safetensors": loras.kohya(factors(1)), "w.txt": text_of(PROMPTS)}
    (hers,) = published([("pack.zip", zip_of(members))])

    (picture,) = brought(tmp_path, "mine.jpg", file_of(PICTURE, "JPEG"))
    (words,) = brought(tmp_path, "mine.txt", text_of(PROMPTS[::-1]))
    (weights,) = brought(tmp_path, "mine.safetensors", loras.kohya(loras.resized(factors(1), 4)))

    assert [(m.relation, m.asset_id, m.other_member) for m in (picture, words, weights)] == [
        ("same-picture", hers.pk, "art.png"),
        ("same-prompts", hers.pk, "w.txt"),
        ("derived-weights", hers.pk, "model.safetensors"),
    ]


def test_bobs_own_assets_are_left_out_when_asked(tmp_path: Path) -> None:
    (first,) = published([("art.png", file_of(PICTURE))])
    (second,) = published([("art.jpg", file_of(PICTURE, "JPEG"))])

    (match,) = brought(tmp_path, "new.webp", file_of(PICTURE, "WEBP"), exclude=[first.pk])

    assert match.asset_id == second.pk


def test_a_comparison_that_does_not_finish_has_not_found_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published([("a.safetensors", loras.kohya(factors(1)))])
    file = compared(tmp_path, "b.safetensors", loras.kohya(loras.resized(factors(1), 4)))
    died = Refused([Finding("inspection-did-not-finish", "it stopped.")])
    monkeypatch.setattr(sandbox, "compare_weights", lambda pairs, box: [died])

    with pytest.raises(UnableToCompare) as failure:
        find_matches([file])

    assert failure.value.code == "comparison-did-not-finish"
    assert str(failure.value) == (
        "b.safetensors could not be compared with what is published (it stopped.); try again."
    )


@pytest.mark.parametrize("name", ["b.safetensors", "b.txt"])
def test_when_the_other_bytes_are_gone_nothing_passes(tmp_path: Path, name: str) -> None:
    published([("a.safetensors", loras.kohya(factors(1))), ("a.txt", text_of(PROMPTS))])
    data = loras.kohya(loras.resized(factors(1), 4)) if name.endswith("safetensors") else text_of(PROMPTS[::-1])
    file = compared(tmp_path, name, data)
    for asset in Asset.objects.all():
        place_of(asset.blob_id).unlink()

    with pytest.raises(UnableToCompare, match=name):
        find_matches([file])


def test_evidence_is_whole_numbers_and_text(tmp_path: Path) -> None:
    published([("a.safetensors", loras.kohya(factors(1))), ("a.png", file_of(PICTURE)), ("a.txt", text_of(PROMPTS))])
    found = [
        *brought(tmp_path, "b.safetensors", loras.kohya(loras.resized(factors(1), 4))),
        *brought(tmp_path, "b.jpg", file_of(PICTURE, "JPEG")),
        *brought(tmp_path, "b.txt", text_of(PROMPTS[::-1])),
    ]

    assert len(found) == 3
    for match in found:
        assert "measure" in match.evidence
        json.dumps(match.evidence, allow_nan=False)
        assert not any(isinstance(number, float) for number in _leaves(match.evidence))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]
