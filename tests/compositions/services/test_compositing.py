"""Layers over each other: where each lies, how its edge fades, and always the same bytes."""

import io
import json

import pytest
from PIL import Image

from marketplace.compositions.lockfile import Lock, LockedLayer
from marketplace.compositions.services.compositing import composed, png, styled
from marketplace.compositions.services.planning import asked_size, place_of
from tests.compositions.exports.locks import hexed, layer, lock, ref

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
LEFT = (0, 0, 500_000, 1_000_000)
SIZES = {"least": 64, "most": 2048, "multiple": 8}


def solid(color: tuple[int, ...], size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGBA", size, color)


def small(*layers: LockedLayer, **said: object) -> Lock:
    return lock(*layers, **{"width": 64, "height": 64, **said})


def at(picture: Image.Image, x: int = 32, y: int = 32) -> object:
    return picture.getpixel((x, y))


def test_a_box_lies_over_what_is_below_and_the_rest_takes_the_rest() -> None:
    found = small(
        layer("a", "left", [ref("alice/sea")], region="box", box_ppm=LEFT),
        layer("b", "others", [ref("bob/night")], region="rest"),
    )
    made = composed(found, [solid(RED, (32, 64)), solid(GREEN)], {})

    assert [at(made, x) for x in (0, 31, 32, 63)] == [RED, RED, GREEN, GREEN]
    assert (made.mode, made.size) == ("RGB", (64, 64))


def test_what_no_layer_covers_is_black_and_later_layers_lie_above() -> None:
    found = small(
        layer("a", "left", [ref("alice/sea")], region="box", box_ppm=LEFT),
        layer("b", "left too", [ref("bob/night")], region="box", box_ppm=(250_000, 0, 500_000, 500_000)),
    )
    made = composed(found, [solid(RED, (32, 64)), solid(BLUE, (16, 32))], {})

    assert [at(made, x, 8) for x in (0, 15, 16, 31, 32)] == [RED, RED, BLUE, BLUE, (0, 0, 0)]
    assert at(made, 20, 40) == RED


def test_edges_fade_inwards_but_not_those_of_the_picture() -> None:
    found = small(
        layer("a", "all", [ref("alice/sea")]),
        layer("b", "left", [ref("bob/night")], region="box", box_ppm=LEFT, options=(("feather", 62_500),)),
    )
    made = composed(found, [solid((0, 0, 0)), solid((255, 255, 255), (32, 64))], {})

    assert [at(made, x)[0] for x in (0, 27, 28, 29, 30, 31, 32)] == [255, 255, 255, 191, 127, 63, 0]
    assert at(made, 0, 0) == at(made, 0, 63) == (255, 255, 255)


def test_strength_is_opacity_and_never_more_than_all() -> None:
    for ppm, red in ((500_000, 128), (1_000_000, 255), (7_000_000, 255), (0, 0)):
        found = small(layer("a", "all", [ref("alice/sea")], options=(("strength", ppm),)))
        assert at(composed(found, [solid(RED)], {})) == (red, 0, 0)


def test_a_mask_is_scaled_and_what_is_clear_in_a_picture_stays_clear() -> None:
    sha256 = hexed("mask")
    mask = Image.new("L", (2, 2), 255)
    mask.putpixel((1, 0), 0)
    mask.putpixel((1, 1), 0)
    drawn = layer("a", "left", [ref("alice/sea")], region="mask", mask="m.png", mask_sha256=sha256)
    rest = layer("b", "rest", [ref("bob/night")], region="rest")
    made = composed(small(drawn, rest), [solid(RED), solid((0, 255, 0, 128))], {sha256: mask})

    assert at(made, 4) == RED
    assert at(made, 60) == (0, 128, 0)
    soft = layer(
        "a", "left", drawn.refs, region="mask", mask="m.png", mask_sha256=sha256, options=(("feather", 500_000),)
    )
    blurred = composed(small(soft), [solid(RED)], {sha256: mask})
    assert 0 < at(blurred, 2)[0] < 255


def test_a_picture_of_another_size_covers_its_place() -> None:
    wide = solid(GREEN, (128, 64))
    wide.paste(RED, (0, 0, 32, 64))
    wide.paste(RED, (96, 0, 128, 64))
    made = composed(small(layer("a", "all", [ref("alice/sea")])), [wide], {})
    assert [at(made, x) for x in (1, 32, 62)] == [GREEN, GREEN, GREEN]


def test_the_style_lies_over_all_as_much_as_it_says() -> None:
    style = layer("style", "ink", [ref("mo/ink")], options=(("strength", 500_000),))
    found = small(layer("a", "all", [ref("alice/sea")]), style=style)
    made = styled(found, Image.new("RGB", (64, 64), RED), solid(BLUE, (128, 128)))
    assert at(made) == (127, 0, 128)


def test_the_same_pictures_give_the_same_bytes_that_name_the_recipe() -> None:
    found = small(
        layer("a", "all", [ref("alice/sea")]),
        layer("b", "left", [ref("bob/night")], region="box", box_ppm=LEFT, options=(("feather", 62_500),)),
    )
    pictures = [solid(RED, (96, 96)), solid(BLUE, (40, 64))]
    first, second = (png(composed(found, pictures, {}), found, site="https://w.example") for _time in range(2))

    assert first == second
    picture = Image.open(io.BytesIO(first))
    said = json.loads(picture.text["worldloom"])  # type: ignore[attr-defined]
    assert said == {
        "format": "worldloom/provenance/1",
        "recipe": found.digest,
        "site": "https://w.example",
        "packs": [
            {"pack": "alice/sea@1.0.0", "release": hexed("alice/sea")},
            {"pack": "bob/night@1.0.0", "release": hexed("bob/night")},
        ],
    }
    chunks = [first[place + 4 : place + 8] for place in _chunks(first)]
    assert chunks == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]


def _chunks(data: bytes) -> list[int]:
    places, place = [], 8
    while place < len(data):
        places.append(place)
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return places


@pytest.mark.parametrize(
    ("width", "height", "sizes", "asked"),
    [
        (256, 192, SIZES, (256, 192)),
        (1024, 1024, SIZES, (1024, 1024)),
        (4096, 2048, SIZES, (2048, 1024)),
        (8, 64, SIZES, (64, 512)),
        (8, 4096, SIZES, (64, 2048)),
        (250, 100, SIZES | {"multiple": 64}, (256, 128)),
        (1000, 1000, {"least": 1, "most": 1000, "multiple": 256}, (768, 768)),
        (100, 100, {"least": 65, "most": 500, "multiple": 100}, (100, 100)),
    ],
)
def test_the_size_that_is_asked_for_is_one_that_the_service_has(
    width: int, height: int, sizes: dict[str, int], asked: tuple[int, int]
) -> None:
    assert asked_size(width, height, sizes) == asked


def test_every_size_that_is_asked_for_keeps_to_the_service() -> None:
    for multiple in (1, 7, 8, 64, 256):
        for least, most in ((1, 4096), (64, 2048), (512, 512), (300, 1024), (1024, 4096)):
            if most // multiple * multiple < least or most < multiple:
                continue
            sizes = {"least": least, "most": most, "multiple": multiple}
            for width in (8, 72, 333, 1024, 4096):
                for height in (8, 1000, 4096):
                    for side in asked_size(width, height, sizes):
                        assert least <= side <= most, (sizes, width, height)
                        assert side % multiple == 0


def test_a_layer_without_a_box_lies_everywhere() -> None:
    found = small(layer("a", "x", region="mask", mask="m.png"), layer("b", "y", region="box", box_ppm=LEFT))
    assert [place_of(one, found) for one in found.layers] == [(0, 0, 64, 64), (0, 0, 32, 64)]
