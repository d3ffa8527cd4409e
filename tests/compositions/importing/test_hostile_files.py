"""Files that are made to do harm: odd characters, numbers without end, and what takes long to walk."""

import json
import struct
import time

import pytest

from marketplace.compositions.importing.exif import MOST_TEXT_BYTES
from marketplace.compositions.importing.queries import look
from marketplace.compositions.importing.reading import claims_of
from tests.cast import later
from tests.compositions.importing import outputs
from tests.compositions.importing.test_reading import refusal_of


def test_what_is_no_character_number_or_mode_is_read_past() -> None:
    nodes = outputs.prompt("a\0b.safetensors", "c\ud800.safetensors", text="a\0 pier\udfff embedding:x\0y")
    nodes["10"]["inputs"]["strength_model"] = nodes["4"]["inputs"]["cfg"] = "1e999999999"
    nodes["11"]["inputs"]["strength_model"] = "-1e-999999999"

    claims = claims_of(json.dumps(nodes).encode())

    found = [(one.name, one.weight_ppm) for one in claims.workflow.mentions if one.name != "base.safetensors"]
    assert found == [("a\ufffdb.safetensors", None), ("c\ufffd.safetensors", 0), ("x", None)]
    assert [one.prompt for one in claims.workflow.layers] == ["a pier embedding:xy"]
    drawn = {"nodes": [{"id": 1, "type": "LoraLoader", "mode": mode, "widgets_values": ["a.pt"]} for mode in ([2], {})]}
    assert {one.name for one in claims_of(json.dumps(drawn).encode()).workflow.mentions} == {"a.pt"}


def test_what_takes_long_to_walk_is_walked_once() -> None:
    begun = time.process_time()
    ring = {
        str(place): {"class_type": "KSampler", "inputs": {"positive": [str((place + 1) % 9_000), 0]}}
        for place in range(9_000)
    }
    ring["l"] = {"class_type": "LoraLoader", "inputs": {"lora_name": "a.safetensors"}}
    assert len(claims_of(json.dumps(ring).encode()).workflow.mentions) == 1
    tags = "a <lora:x:1> " + ("<lora:" + "a" * 199 + ":" + "b" * 100) * 20_000
    assert [one.name for one in claims_of(tags.encode()).workflow.mentions] == ["x"]
    pairs = "a <lora:x:1>\nSteps: 1, " + 'a:"x",' * 1_000_000
    assert [one.name for one in claims_of(pairs.encode()).workflow.mentions] == ["x"]
    assert "is damaged at byte" in refusal_of(b"\xff\xd8" + b"\xff" * 30_000_000)
    block = b"II*\0" + struct.pack("<IH", 8, 1_000) + struct.pack("<HHII", 1, 4, 1, 0) * 1_000
    assert f"than {MOST_TEXT_BYTES} bytes" in refusal_of(outputs.riff(*[(b"EXIF", block)] * 2_500))
    assert time.process_time() - begun < 10


@pytest.mark.django_db
def test_names_with_what_is_no_character_are_looked_up_as_others_are() -> None:
    nodes = outputs.prompt("a\0b.safetensors", "c\ud800.safetensors", text="a\0b <lora:\0x:1>\ud800")

    found = look(json.dumps(nodes).encode(), site=outputs.SITE, now=later(hours=3))

    assert list(found.matched.unknown) == ["base.safetensors", "a\ufffdb.safetensors", "c\ufffd.safetensors", "\ufffdx"]
    assert found.recipe is None
