"""Files of strangers: what they say that they were made with is read, and what is broken is refused in one sentence."""

import json
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.compositions.exports.forms import FORMS, export
from marketplace.compositions.importing.claims import WHOLE, Claims, Mention
from marketplace.compositions.importing.containers import MOST_BYTES
from marketplace.compositions.importing.exif import MOST_TEXT_BYTES
from marketplace.compositions.importing.reading import claims_of
from marketplace.compositions.importing.refusals import UnableToImport
from tests.compositions.exports.locks import file, harbor, layer, lock, ref
from tests.compositions.importing import outputs

LIN = "alice__lin__1.0.0__body-dd737727bc3c"
INK = "mo__ink__1.0.0__body-721dda77a4ee"
MODELS = {LIN, INK, "bob__market__1.0.0__body-34f3635e059d", "alice__cats__1.0.0__body-2e23bda89755"}
MODELS.add("bob__fur__1.0.0__body-5cffa32d71b3")
PACKS = {"alice/lin@1.0.0", "bob/market@1.0.0", "alice/cats@1.0.0", "bob/fur@1.0.0", "mo/ink@1.0.0"}


def stems(claims: Claims) -> set[str]:
    return {one.name.removesuffix(".safetensors") for one in claims.workflow.mentions} - {"base"}


def refusal_of(data: bytes) -> str:
    with pytest.raises(UnableToImport) as refused:
        claims_of(data)
    return str(refused.value)


@pytest.mark.parametrize(
    ("written", "container"),
    [
        (outputs.png, "png"),
        (outputs.animated_png, "png"),
        (outputs.with_exif, "webp"),
        (lambda entries: outputs.with_exif(entries, "JPEG"), "jpeg"),
        (lambda entries: outputs.with_exif(entries, "PNG"), "png"),
    ],
)
@pytest.mark.parametrize("form", ["comfyui-api", "comfyui"])
def test_what_comfyui_saves_says_the_lock_and_each_model(
    written: Callable[[Any], bytes], container: str, form: str
) -> None:
    claims = claims_of(written(outputs.entries_of(harbor(), form)))

    assert (claims.container, claims.recipe, claims.is_picture) == (container, harbor().digest, True)
    assert claims.stated is not None
    assert claims.stated.site == outputs.SITE
    assert {pack for pack, _release in claims.stated.packs} == PACKS
    assert stems(claims) == MODELS
    painted = [(one.label, one.prompt) for one in claims.workflow.layers]
    assert painted == [
        ("layer1", "person walking, (smile:1.2), ink wash"),
        ("图层三", "three cats, ink wash"),
        ("layer2", "night market, ink wash"),
    ] or painted[0] == ("layer1", "person walking, (smile:1.2), linlin, ink wash")
    of = {one.name: (one.layer, one.weight_ppm) for one in claims.workflow.mentions}
    assert of[f"{LIN}.safetensors"] == (0, 800_000)
    assert of["alice__cats__1.0.0__body-2e23bda89755.safetensors"] == (1, -500_000)
    assert of["bob__market__1.0.0__body-34f3635e059d.safetensors"] == (2, 1_000_000)
    assert of[f"{INK}.safetensors"] == (WHOLE, 900_000)
    assert claims.workflow.negative == "lowres, bad hands"
    assert dict(claims.workflow.settings)["seed"] == "42"


def test_each_form_of_a_workflow_is_read_as_a_file_of_its_own() -> None:
    for form in ("comfyui-api", "comfyui-prompt", "comfyui"):
        claims = claims_of(export(harbor(), form, site=outputs.SITE).data)
        assert (claims.container, claims.recipe, claims.is_picture) == ("json", harbor().digest, False)
        assert stems(claims) == MODELS
    text = claims_of(export(harbor(), "a1111").data)
    assert (text.container, text.recipe, stems(text)) == ("text", harbor().digest, MODELS)
    assert {one.weight_ppm for one in text.workflow.mentions} == {800_000, 1_000_000, -500_000, 500_000, 900_000, None}


def test_the_newer_drawing_with_objects_and_graphs_within_is_read() -> None:
    inner = {
        "id": "a", "links": [], "nodes": [
            {"id": 1, "type": "LoraLoaderModelOnly", "widgets_values": [f"loras\\{LIN}.safetensors", 0.5],
             "inputs": [{"name": "lora_name", "widget": {"name": "lora_name"}, "link": None},
                        {"name": "strength_model", "widget": {"name": "strength_model"}, "link": None}]}],
    }  # fmt: skip
    drawing = {
        "version": 1,
        "nodes": [
            {"id": 3, "type": "KSampler", "widgets_values": [7, "randomize", 12, 5.5, "euler", "normal", 1.0],
             "inputs": [{"name": "positive", "type": "CONDITIONING", "link": 9}]},
            {"id": 4, "type": "CLIPTextEncode", "widgets_values": ["a \\{red\\} pier"],
             "inputs": [{"name": "clip", "type": "CLIP", "link": 8}]},
            {"id": 5, "type": "Power Lora Loader (rgthree)",
             "widgets_values": [{}, {"on": True, "lora": f"{INK}.safetensors", "strength": 0.25},
                                {"on": False, "lora": "off.safetensors", "strength": 1}]},
            {"id": 6, "type": "LoraLoader", "mode": 4, "widgets_values": ["bypassed.safetensors", 1, 1]},
            {"id": 7, "type": "Sub", "widgets_values": {"vae_name": "ae.safetensors"}},
        ],
        "links": [{"id": 9, "origin_id": 4, "origin_slot": 0, "target_id": 3, "target_slot": 1, "type": "CONDITIONING"},
                  {"id": 8, "origin_id": 5, "origin_slot": 1, "target_id": 4, "target_slot": 0, "type": "CLIP"}],
        "definitions": {"subgraphs": [inner]},
        "extra": {},
    }  # fmt: skip

    claims = claims_of(json.dumps(drawing).encode())

    assert [(one.name, one.weight_ppm) for one in claims.workflow.mentions] == [
        (f"{INK}.safetensors", 250_000),
        ("ae.safetensors", None),
        (f"loras\\{LIN}.safetensors", 500_000),
    ]
    assert [one.prompt for one in claims.workflow.layers] == ["a {red} pier"]
    assert dict(claims.workflow.settings) == {
        "seed": "7",
        "steps": "12",
        "cfg": "5.5",
        "sampler": "euler",
        "scheduler": "normal",
    }


def test_a_single_layer_has_all_models_and_flux_has_its_guider() -> None:
    one = claims_of(
        outputs.png({"prompt": outputs.prompt("a.safetensors", "b.safetensors", text="x embedding:neg.pt, y")})
    )
    assert [(m.kind, m.name, m.layer) for m in one.workflow.mentions if m.name != "base.safetensors"] == [
        ("file", "a.safetensors", 0),
        ("file", "b.safetensors", 0),
        ("embedding", "neg.pt", 0),
    ]
    assert one.workflow.negative == "lowres"
    flux = {
        "1": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": "a pier", "t5xxl": ["9", 0], "clip": ["8", 0]}},
        "2": {"class_type": "FluxGuidance", "inputs": {"conditioning": ["1", 0], "guidance": 3.5}},
        "3": {"class_type": "BasicGuider", "inputs": {"conditioning": ["2", 0], "model": ["7", 0]}},
        "7": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux.gguf"}},
        "9": {"class_type": "PrimitiveString", "inputs": {"value": "at dawn"}},
    }
    found = claims_of(json.dumps(flux).encode())
    assert [one.prompt for one in found.workflow.layers] == ["a pier, at dawn"]
    assert found.workflow.mentions == (Mention("file", "flux.gguf", None, 0),)


@pytest.mark.parametrize(
    "written",
    [
        lambda text: outputs.png(parameters=text),
        lambda text: outputs.commented(text),
        lambda text: outputs.commented(text, "WEBP"),
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    ],
)
def test_settings_of_a1111_are_read_with_their_hashes(written: Callable[[str], bytes]) -> None:
    hashes = '{"model": "abcdef0123", "lora:sea": "00112233445566778899"}'
    text = (
        "a pier at 夜, <lora:sea:0.7> <lora:ink:1:lbw=OUT>\nembedding:pale hills\n"
        f"Negative prompt: lowres,\nbad hands\n{outputs.SETTINGS}, Model hash: 1234567890, Model: base, "
        f'Lora hashes: "sea: 00112233445566, ink: abc", Hashes: {hashes}, Version: v1.10'
    )

    found = claims_of(written(text)).workflow

    assert [(one.kind, one.name, one.weight_ppm, one.digits) for one in found.mentions] == [
        ("embedding", "pale", None, ""),
        ("lora", "sea", 700_000, ""),
        ("lora", "ink", 1_000_000, ""),
        ("hash", "base", None, "1234567890"),
        ("hash", "sea", None, "00112233445566"),
        ("hash", "base", None, "abcdef0123"),
        ("hash", "sea", None, "00112233445566778899"),
    ]
    assert [one.prompt.split() for one in found.layers] == [["a", "pier", "at", "夜,", "embedding:pale", "hills"]]
    assert found.negative == "lowres,\nbad hands"
    assert dict(found.settings) == {
        "seed": "42",
        "steps": "20",
        "cfg": "6.5",
        "size": "512x384",
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
    }


def test_not_a_number_is_read_as_nothing_as_comfyui_writes_it() -> None:
    nodes = outputs.prompt("a.safetensors", text='NaN "Infinity"')
    nodes["4"]["is_changed"] = [float("nan"), float("-inf")]

    claims = claims_of(outputs.png({"prompt": nodes}))

    assert [one.prompt for one in claims.workflow.layers] == ['NaN "Infinity"']


def test_packed_and_international_texts_are_read() -> None:
    text = json.dumps(outputs.prompt(f"{LIN}.safetensors"))
    packed = zlib.compress(text.encode())
    for made in (
        outputs.chunk(b"zTXt", b"prompt\0\0" + packed),
        outputs.chunk(b"iTXt", b"prompt\0\0\0en\0Prompt\0" + text.encode()),
        outputs.chunk(b"iTXt", b"prompt\0\1\0\0\0" + packed),
    ):
        assert stems(claims_of(outputs.png_of(made))) == {LIN}
    twice = outputs.chunk(b"tEXt", b"prompt\0" + text.encode())
    assert stems(claims_of(outputs.png_of(twice, twice))) == {LIN}
    assert "two entries “prompt”" in refusal_of(outputs.png_of(twice, outputs.chunk(b"tEXt", b"prompt\0{}")))
    one_comment = outputs.commented(json.dumps({"prompt": json.loads(text), "workflow": {}}))
    assert stems(claims_of(one_comment)) == {LIN}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\0" * (MOST_BYTES + 1), "more than 33554432 bytes"),
        (b"GIF89a", "GIF files are not read"),
        (b"\0\0\0\x20ftypisom", "MP4 files are not read"),
        (b"\0\0\0\x20ftypavif", "AVIF files are not read"),
        (b"\x1aE\xdf\xa3", "WebM files are not read"),
        (b"PK\x03\x04", "ZIP files are not read"),
        (b"\xff\xfe\x00", "no picture, no workflow"),
        (b"hello", "no picture, no workflow"),
        (b"[1, 2]", "no workflow of ComfyUI"),
        (b"{}", "no workflow of ComfyUI"),
        (b'{"nodes": []}', "no workflow of ComfyUI"),
        (b'{"a": {"class_type": "X", "inputs": {"seed": 1}}}', "no workflow of ComfyUI"),
        (b'{"a": 1, "a": 2}', "holds the key 'a' twice"),
        (b'{"a": 1e999}', "no JSON"),
        (b"[" * 33 + b"]" * 33, "nests deeper than 32 levels"),
        (b"[" * 1_000_000, "nests deeper than 32 levels"),
        (outputs.png(), "does not say how it was made"),
        (outputs.with_exif({}, "JPEG"), "does not say how it was made"),
        (outputs.png(prompt="{"), "The entry “prompt” is not JSON"),
        (outputs.png({"worldloom": {"format": "worldloom/provenance/2"}}), "is not as we write it"),
        (outputs.png({"worldloom": {"format": "worldloom/provenance/1", "recipe": 7}}), "names no recipe"),
    ],
)  # fmt: skip
def test_what_is_no_output_is_refused_in_one_sentence(data: bytes, said: str) -> None:
    assert said in refusal_of(data)


def test_a_changed_entry_is_refused_and_says_where() -> None:
    entry = outputs.entries_of(harbor())["worldloom"]
    for packs, said in (
        ("x", "no list of at most 512 packs"),
        ([{"pack": "a/b@1.0.0"}], "a pack without the digest"),
        ([{"pack": "<script>", "release": "0" * 64}], "as no pack is called"),
        ([entry["packs"][0]] * 513, "no list of at most 512 packs"),
    ):
        assert said in refusal_of(outputs.png({"worldloom": entry | {"packs": packs}}))


def test_broken_pictures_are_refused() -> None:
    whole = outputs.rendered(harbor())
    webp, jpeg = (outputs.with_exif(outputs.entries_of(harbor()), form) for form in ("WEBP", "JPEG"))
    text = b"prompt\0" + json.dumps(outputs.prompt()).encode()
    for data in (
        whole[:-6],
        whole[: len(whole) // 2],
        whole[:20],
        whole[:60] + b"\xff" + whole[61:],
        outputs.png_of(outputs.chunk(b"tEXt", text, checksum=1)),
        outputs.png_of(b"\x7f\xff\xff\xfftEXt"),
        outputs.png_of(b"\xff\xff\xff\xfftEXt"),
        outputs.png_of(outputs.chunk(b"zTXt", b"prompt\0\0not packed")),
        outputs.png_of(outputs.chunk(b"zTXt", b"prompt\0\0" + zlib.compress(text)[:-5])),
        outputs.png_of(outputs.chunk(b"iTXt", b"prompt\0\0\0\0\0\xff\xfe")),
        outputs.png_of(outputs.chunk(b"eXIf", b"XX*\0")),
        b"\x89PNG\r\n\x1a\n" + outputs.chunk(b"IEND", b""),
        webp[: len(webp) // 2],
        outputs.riff((b"VP8 ", b"x" * 9), length=2**32 - 1),
        outputs.riff((b"EXIF", b"II*\0\xff\xff\xff\x7f")),
        outputs.riff((b"EXIF", b"MM\0*\0\0\0\x08\xff\xff")),
        outputs.riff((b"EXIF", b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x110, 2, 2**31, 26))),
        jpeg[:30],
        b"\xff\xd8\xff\xe1\x00\x01",
        b"\xff\xd8\xff\xe1\xff\xffExif",
    ):
        assert "is damaged at byte" in refusal_of(data)
    # A directory that names itself as the next is read once.
    circle = b"II*\0" + struct.pack("<IHHHII", 8, 1, 0x8769, 4, 1, 8)
    assert "does not say how" in refusal_of(outputs.riff((b"EXIF", circle)))


def test_bombs_and_floods_are_refused_quickly() -> None:
    begun = time.process_time()
    bomb = zlib.compress(b"a" * 200_000_000, 9)
    assert f"than {MOST_TEXT_BYTES} bytes" in refusal_of(outputs.png_of(outputs.chunk(b"zTXt", b"prompt\0\0" + bomb)))
    many = outputs.chunk(b"tEXt", b"other\0" + b"x" * 400_000)
    assert f"than {MOST_TEXT_BYTES} bytes" in refusal_of(outputs.png_of(*[many] * 30))
    assert "is damaged" in refusal_of(outputs.png_of(*[outputs.chunk(b"aaAa", b"")] * 60_000))
    flood = {str(place): {"class_type": "X"} for place in range(100_000)}
    assert "more than 10000 nodes" in refusal_of(json.dumps(flood).encode())
    again = struct.pack("<IH", 8, 900) + struct.pack("<HHII", 0x110, 2, 6_000_000, 0) * 900
    assert f"than {MOST_TEXT_BYTES} bytes" in refusal_of(outputs.riff((b"EXIF", b"II*\0" + again + bytes(6_000_000))))
    words = {f"t{n}": {"class_type": "CLIPTextEncode", "inputs": {"text": "x", "clip": ["h", 0]}} for n in range(4_000)}
    mixed = {f"m{n}": {"class_type": "Mix", "inputs": {"a": [f"m{n + 1}", 0], "b": [f"t{n}", 0]}} for n in range(3_999)}
    ends = {f"k{n}": {"class_type": "KSampler", "inputs": {"positive": ["m0", 0]}} for n in range(1_900)}
    assert len(claims_of(json.dumps({**words, **mixed, **ends}).encode()).workflow.layers) == 256
    drawn = {"nodes": [{"id": place, "type": "X"} for place in range(20_000)], "links": []}
    assert "more than 10000 nodes" in refusal_of(json.dumps(drawn).encode())
    assert "does not say how" in refusal_of(b"\xff\xd8" + b"\xff\xd0" * 2 + b"\xff" * 1_000_000 + b"\xd9\0\0\0")
    assert time.process_time() - begun < 20


def test_a_graph_that_leads_round_in_a_circle_is_read_once() -> None:
    nodes = outputs.prompt("a.safetensors")
    nodes["6"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["7", 0]},
    }
    nodes["7"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["2", 0]},
    }
    nodes["4"]["inputs"]["positive"] = ["6", 0]
    nodes["8"] = {"class_type": "SetClipHooks", "inputs": {"clip": ["8", 0], "hooks": ["9", 0]}}
    nodes["9"] = {"class_type": "CreateHookLora", "inputs": {"lora_name": "b.safetensors", "prev_hooks": ["9", 0]}}
    nodes["2"]["inputs"]["clip"] = ["8", 0]

    claims = claims_of(json.dumps(nodes).encode())

    assert [one.prompt for one in claims.workflow.layers] == ["a pier"]
    assert {one.name: one.layer for one in claims.workflow.mentions}["b.safetensors"] == 0


WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)
NAMES = st.lists(st.sampled_from(["alice/sea", "bob/night-market", "mo/ink"]), max_size=3, unique=True)


@st.composite
def locks(draw: st.DrawFn) -> Any:
    """Any lock of a few layers: packs with models, embeddings or neither, and whatever words."""
    layers = []
    for place in range(draw(st.integers(1, 4))):
        refs = [
            ref(
                pack,
                *draw(
                    st.lists(
                        st.sampled_from(
                            [
                                file(pack, "models/body.safetensors"),
                                file(pack, "墨 水.safetensors", "embedding"),
                                file(pack, "prompts.txt", "", "text/plain"),
                            ]
                        ),
                        min_size=1,
                        max_size=3,
                        unique=True,
                    )
                ),
                weight=draw(st.sampled_from([1_000_000, 250_000, -1_000_000])),
            )
            for pack in draw(NAMES)
        ]
        region = draw(st.sampled_from(["full", "rest", "box"]))
        box = (0, 0, 500_000, 1_000_000) if region == "box" else None
        layers.append(layer(f"l{place}", draw(WORDS), refs, region=region, box_ppm=box))
    return lock(*layers, negative=draw(WORDS))


@settings(max_examples=60, deadline=None)
@given(found=locks(), form=st.sampled_from(["comfyui-api", "comfyui", "comfyui-prompt"]), written=st.integers(0, 3))
def test_whatever_we_export_is_found_again_with_exactly_its_packs(found: Any, form: str, written: int) -> None:
    entries = outputs.entries_of(found, form)
    data = (outputs.png, outputs.animated_png, outputs.with_exif, lambda it: outputs.with_exif(it, "JPEG"))[written]
    if written == 3 and len(json.dumps(entries)) > 60_000:
        return  # more than a JPEG's Exif can hold
    claims = claims_of(data(entries))

    assert claims.recipe == found.digest
    releases = {(f"{one.pack}@{one.version}", one.release) for one in found.refs}
    if form != "comfyui-prompt":
        assert claims.stated is not None
        assert set(claims.stated.packs) == releases
    models = {one.name.removesuffix(".safetensors") for r in found.refs for one in r.files if one.network}
    assert stems(claims) == models


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 4))
def test_any_bytes_at_all_are_refused_or_read(noise: bytes, kind: int) -> None:
    begin = (b"\x89PNG\r\n\x1a\n", b"RIFF\x80\0\0\0WEBPEXIF", b"\xff\xd8\xff\xe1\0\x60Exif\0\0II*\0", b"{", b"")[kind]
    with suppress(UnableToImport):
        claims_of(begin + noise)


def test_every_form_but_clips_and_scripts_can_be_read() -> None:
    unread = {form for form in FORMS if form not in ("comfyui-api", "comfyui-prompt", "comfyui", "a1111")}
    assert unread == {"diffusers", "otio"}
    assert all(refusal_of(export(harbor(), form).data) for form in unread)
