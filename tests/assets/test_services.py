"""Alice offers to paint on request: what a service.json may say, and what a stranger's picture becomes."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from assets.inspectors import sandbox
from assets.inspectors.base import Refused
from assets.inspectors.dispatch import inspect_file
from tests.assets import makers as make

ENDPOINT = "https://paint.example/worldloom"


def inspected(folder: Path, **said: Any) -> Any:
    data = json.dumps({"format": "worldloom/service/1", "endpoint": ENDPOINT} | said).encode()
    return inspect_file(make.written(folder, "file", data), "service.json")


def test_a_service_that_says_little_has_the_rest_filled_in(tmp_path: Path) -> None:
    found = inspected(tmp_path)

    assert found.media_type == "application/vnd.worldloom.service+json"
    assert found.facts == {
        "format": "worldloom/asset-facts/1",
        "kind": "service",
        "endpoint": ENDPOINT,
        "sizes": {"least": 64, "most": 2048, "multiple": 8},
        "quota": {"per_day": 1000, "at_once": 4},
        "timeout": {"answer_seconds": 10, "job_seconds": 300},
        "media_types": ["image/jpeg", "image/png", "image/webp"],
        "result_bytes": 16_777_216,
    }
    assert inspected(tmp_path, endpoint="http://127.0.0.1:9000/").facts["endpoint"] == "http://127.0.0.1:9000"
    assert inspected(tmp_path, endpoint="https://[2001:db8::1]:8443/a").facts["endpoint"] == (
        "https://[2001:db8::1]:8443/a"
    )


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"format": "worldloom/service/2"}, 'format must be "worldloom/service/1".'),
        ({"endpoint": "http://paint.example"}, "endpoint is http://paint.example, which is not encrypted: only this"),
        *(
            ({"endpoint": endpoint}, "endpoint must be an https address such as https://paint.example/worldloom")
            for endpoint in (
                *("ftp://paint.example", "https://me:pw@paint.example", "https://paint.example/?a=b", "paint.example"),
                *("https://paint.example/#a", "https://paint.example/../a", "https://paint.example:0", "https://", 7),
                *("https://paint.example:99999", "https://pаint.example", "https://a..b", "https://a\\b/", None),
                *("https://paint.example//a", "https://paint.example:", "https://a%2f", "https://" + "a" * 300),
            )
        ),
        ({"quota": {"per_day": 0}}, "quota.per_day must be a whole number from 1 to 1000000."),
        ({"quota": {"per_day": True}}, "quota.per_day must be a whole number from 1 to 1000000."),
        ({"quota": {"a_week": 7}}, "quota.a_week is not known: remove it."),
        ({"quota": []}, "quota must be an object."),
        ({"sizes": {"least": 512, "most": 256}}, "sizes.least is more than sizes.most."),
        ({"sizes": {"least": 65, "most": 71}}, "sizes.multiple has no multiple between sizes.least and sizes.most."),
        ({"timeout": {"job_seconds": 1.5}}, "timeout.job_seconds must be a whole number from 1 to 3600."),
        ({"result_bytes": 2**40}, "result_bytes must be a whole number from 1024 to 33554432."),
        ({"media_types": ["image/gif"]}, "media_types must be a list of image/jpeg, image/png, image/webp."),
        ({"price": 1}, "price is not known: remove it."),
    ],
)
def test_a_service_that_cannot_be_called_is_refused_where_it_is_wrong(
    said: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as refusal:
        inspected(tmp_path, **said)

    assert str(refusal.value).startswith(f"service.json: {sentence}")
    assert refusal.value.findings[0].code == "service-malformed"


def test_a_strangers_picture_is_encoded_anew(tmp_path: Path) -> None:
    file = io.BytesIO()
    turned = Image.new("RGB", (8, 4), "#204060")
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a secret"
    turned.save(file, "JPEG", exif=exif)
    glass = io.BytesIO()
    Image.new("RGBA", (2, 2), (255, 255, 255, 128)).save(glass, "WEBP", lossless=True)

    found = sandbox.decode_picture(make.written(tmp_path, "a", file.getvalue()), "RGB")
    clear = sandbox.decode_picture(make.written(tmp_path, "b", glass.getvalue()), "RGBA")
    gray = sandbox.decode_picture(make.written(tmp_path, "b", glass.getvalue()), "L")

    assert (found.container, found.width, found.height) == ("jpeg", 4, 8)
    assert b"secret" not in found.png
    assert Image.open(io.BytesIO(clear.png)).getpixel((0, 0)) == (255, 255, 255, 128)
    assert Image.open(io.BytesIO(gray.png)).getpixel((0, 0)) == 128
    with pytest.raises(Refused, match="the picture cannot be decoded"):
        sandbox.decode_picture(make.written(tmp_path, "c", file.getvalue()[:-20]), "RGB")
