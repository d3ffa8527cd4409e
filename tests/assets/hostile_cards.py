"""Hostile character cards: they run, fetch, hide, lie about themselves, and outgrow their readers."""

import base64
import json
import zlib
from typing import Any

from tests.assets import makers as make
from tests.assets.hostile_file import RLO, Hostile
from tests.assets.zips import member, zipped


def card(version: int = 3, /, **fields: Any) -> dict[str, Any]:
    """Returns an honest card of Lin with other fields in its data."""
    data: dict[str, Any] = {
        "name": "Lin",
        "description": "A ferrywoman on the sea of clouds.",
        "personality": "calm",
        "scenario": "",
        "first_mes": "<START>\n{{char}}: 云海之上，请坐。",
        "mes_example": "",
        "creator_notes": "See https://example.org/lin for more.",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ["The ferry leaves at dawn."],
        "tags": ["ferry", "clouds"],
        "creator": "alice",
        "character_version": "1.2",
        "extensions": {"depth_prompt": {"prompt": "She never hurries.", "depth": 4, "role": "system"}},
    }
    if version == 3:
        data |= {"group_only_greetings": [], "assets": [asset("ccdefault:")], "source": ["https://example.org/lin"]}
    return {"spec": f"chara_card_v{version}", "spec_version": f"{version}.0", "data": data | fields}


def asset(uri: str, **fields: Any) -> dict[str, Any]:
    return {"type": "icon", "uri": uri, "name": "main", "ext": "png"} | fields


def book(**fields: Any) -> dict[str, Any]:
    entry = {"keys": ["ferry"], "content": "Ferries float.", "extensions": {}, "enabled": True, "insertion_order": 1}
    return {"extensions": {}, "entries": [entry | {"use_regex": False} | fields]}


def text_chunk(keyword: str, body: bytes) -> bytes:
    return make.png_chunk(b"tEXt", keyword.encode() + b"\0" + body)


def card_chunk(value: Any, keyword: str = "ccv3") -> bytes:
    return text_chunk(keyword, base64.b64encode(json.dumps(value).encode()))


def charx(value: Any, **files: bytes) -> bytes:
    """Returns a card archive with the files in assets/."""
    members = [member(name="card.json", data=json.dumps(value).encode())]
    return zipped(members + [member(name=f"assets/{name}", data=data) for name, data in files.items()])


def data_uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _scripts() -> list[tuple[str, str, Any]]:
    texts = {
        "script element": "hi <script>alert(1)</script>",
        "script in capitals": "hi <ScRiPt src=x>",
        "script by entities": "hi &lt;script&gt;alert(1)&lt;/script&gt;",
        "event handler": "hi <img src=x onerror=alert(1)>",
        "event handler behind a slash": "<b/onmouseover=alert(1)>",
        "event handler with a < before": '<b title="<" onclick = "x()">',
        "address that runs": "[hi](javascript:alert(1))",
        "address that runs, broken": "[hi](java\tscr\nipt:alert(1))",
        "address that runs, by entities": "[hi](&#106;avascript:alert(1))",
        "page in an address": "[hi](data:text/html;base64,PHNjcmlwdD4=)",
        "drawing in an address": "[hi](data:image/svg+xml,<svg/onload=alert(1)>)",
        "drawing": "<svg><animate/></svg>",
        "frame": "<iframe></iframe>",
        "frame with its own page": "<i srcdoc='x'>",
        "object": "<object data=x></object>",
        "style sheet": "<style>body{display:none}</style>",
        "base address": "<base href=/x>",
        "redirect": "<meta http-equiv=refresh content=0>",
        "form": "<form action=/x><input></form>",
        "PHP": "<?php system('id') ?>",
    }
    extensions = {
        "rewriting patterns": {"regex_scripts": [{"findRegex": "/(a+)+$/", "replaceString": "x"}]},
        "triggers": {"risuai": {"triggerscript": [{"type": "start", "effect": []}]}},
        "scripts of a helper": {"TavernHelper_scripts": [{"content": "x"}]},
        "HTML behind the chat": {"risuai": {"backgroundHTML": "<b>x</b>"}},
        "Lua": {"x": [{"y": {"lua": "os.execute('id')"}}]},
    }
    cases: list[tuple[str, str, Any]] = [(trick, "card-script", card(first_mes=text)) for trick, text in texts.items()]
    cases += [(trick, "card-script", card(extensions=value)) for trick, value in extensions.items()]
    return [
        *cases,
        ("script in a book", "card-script", card(character_book=book(content="<script>1</script>"))),
        ("script in a book's extensions", "card-script", card(character_book=book(extensions={"script": "x"}))),
        ("script in a name", "card-script", card(name="<script>1</script>")),
        ("script in a key", "card-script", card(extensions={"<script>": "x"})),
        ("script in an unknown field", "card-script", card(unknown=[["javascript:1"]])),
        ("script in V2", "card-script", card(2, alternate_greetings=["ok", "<script>1</script>"])),
        ("script beside the data", "card-script", card() | {"x": "<script>"}),
        ("script as an asset's name", "card-script", card(assets=[asset("ccdefault:", name="<script>")])),
    ]


def _remote() -> list[tuple[str, str, Any]]:
    addresses = {
        "http asset": "http://example.org/a.png",
        "https asset": "https://example.org/a.png",
        "protocol-relative asset": "//example.org/a.png",
        "file asset": "file:///etc/passwd",
        "ftp asset": "ftp://example.org/a.png",
        "asset with a script": "javascript:alert(1)",
        "asset of its host": "blob:https://example.org/1",
        "empty address": "",
        "embedded asset without an archive": "embeded://assets/a.png",
    }
    texts = {
        "picture in Markdown": "![x](https://example.org/a.png)",
        "picture in Markdown, no scheme": "![x](//example.org/a.png)",
        "picture in HTML": '<img alt="a" src="https://example.org/a.png">',
        "picture in a style": "<div style=\"background:url('https://example.org/a.png')\">",
        "imported style": "@import 'https://example.org/a.css'",
    }
    cases: list[tuple[str, str, Any]] = [
        (trick, "card-remote-asset", card(assets=[asset(uri)])) for trick, uri in addresses.items()
    ]
    cases += [(trick, "card-remote-asset", card(creator_notes=text)) for trick, text in texts.items()]
    return [
        *cases,
        ("avatar from elsewhere", "card-remote-asset", card(2, avatar="https://example.org/a")),
        ("sprites from elsewhere", "card-remote-asset", card(extensions={"x": {"y": ["https://example.org/a.webp?b"]}})),
        ("page as an asset", "card-asset-refused", card(assets=[asset(data_uri(b"<html>", "text/html"))])),
        ("drawing as an asset", "card-asset-refused", card(assets=[asset(data_uri(b"<svg/>", "image/svg+xml"))])),
        ("asset that is no base64", "card-malformed", card(assets=[asset("data:image/png;base64,*")])),
        ("HTML as a PNG asset", "markup-refused", card(assets=[asset(data_uri(b"<html><script>1</script>"))])),
        ("PNG asset with a tail", "picture-trailing", card(assets=[asset(data_uri(make.png() + b"tail"))])),
        ("card within a card", "card-nested", card(assets=[asset(data_uri(make.png(card_chunk(card()))))])),
    ]  # fmt: skip


def _shapes() -> list[tuple[str, str, Any]]:
    return [
        ("no data", "card-malformed", {"spec": "chara_card_v2", "spec_version": "2.0"}),
        ("data is a list", "card-malformed", card() | {"data": []}),
        ("no version", "card-malformed", {"spec": "chara_card_v3", "data": card()["data"]}),
        ("version of another card", "card-malformed", card(2) | {"spec_version": "3.0"}),
        ("version is a number", "card-malformed", card() | {"spec_version": 3.0}),
        ("no name", "card-malformed", card(name=None)),
        ("blank name", "card-malformed", card(name="  ")),
        ("number for a text", "card-malformed", card(description=7)),
        ("object for a greeting", "card-malformed", card(alternate_greetings=[{"text": "x"}])),
        ("text for extensions", "card-malformed", card(extensions="x")),
        ("text for a book", "card-malformed", card(character_book="x")),
        ("book without entries", "card-malformed", card(character_book={"extensions": {}})),
        ("book entry is text", "card-malformed", card(character_book={"entries": ["x"]})),
        ("book entry without content", "card-malformed", card(character_book={"entries": [{"keys": []}]})),
        ("text for a flag", "card-malformed", card(character_book=book(enabled="yes"))),
        ("asset without an ending", "card-malformed", card(assets=[asset("ccdefault:", ext=None)])),
        ("assets in V2", "card-malformed", card(2, assets=[asset("ccdefault:")])),
        ("book of 5 001 entries", "card-too-large", card(character_book={"entries": [{"content": ""}] * 5001})),
        ("501 assets", "card-too-large", card(assets=[asset("ccdefault:")] * 501)),
        ("501 greetings", "card-too-large", card(alternate_greetings=["hi"] * 501)),
        ("text of 200 001", "card-too-large", card(description="x" * 200_001)),
        ("texts of 4 million in all", "card-too-large", card(alternate_greetings=["x" * 199_999] * 21)),
        ("bidi override in a text", "text-forbidden-character", card(first_mes=f"a {RLO}tac")),
        ("half a surrogate in a text", "text-forbidden-character", card(first_mes="\ud800")),
        ("tag characters in a name", "text-forbidden-character", card(name="Lin\U000e0041")),
        ("17 levels", "json-too-deep", card(extensions=_deep(17))),
    ]  # fmt: skip


def _deep(levels: int) -> dict[str, Any]:
    return {"x": _deep(levels - 1)} if levels else {}


def _json_files() -> list[Hostile]:
    plain = json.dumps(card())
    raw = [
        ("card with a key twice", "json-duplicate-key", plain.replace('"name"', '"name": "A", "name"', 1).encode()),
        ("card with NaN", "json-number", plain.replace('"depth": 4', '"depth": NaN').encode()),
        ("card in Latin-1", "text-not-utf8", '{"spec": "chara_card_v3", "x": "é"}'.encode("latin-1")),
        ("card cut in half", "json-malformed", plain[: len(plain) // 2].encode()),
        ("card of 33 MiB", "file-too-large", b'{"spec":"chara_card_v3","x":"' + b"x" * (33 << 20)),
    ]
    cases = [(trick, code, json.dumps(value).encode()) for trick, code, value in [*_scripts(), *_remote(), *_shapes()]]
    return [Hostile(trick, "lin.json", code, data) for trick, code, data in [*raw, *cases]]


def _pictures() -> list[Hostile]:
    good, evil = card(), card(first_mes="<script>1</script>")
    listed = card(assets=[asset("__asset:0")])
    picture = text_chunk("chara-ext-asset_:0", base64.b64encode(make.png()))
    packed = zlib.compress(base64.b64encode(json.dumps(good).encode()))
    cases = [
        ("script in a picture's card", "card-script", [card_chunk(evil)]),
        ("script in a picture's V2 card", "card-script", [card_chunk(card(2, scenario="<iframe>"), "chara")]),
        ("script in the second card", "card-script", [card_chunk(card(2), "chara"), card_chunk(evil)]),
        ("script in the hidden card", "card-script", [card_chunk(evil), card_chunk(card(2), "chara")]),
        ("two cards of one kind", "card-malformed", [card_chunk(good), card_chunk(good)]),
        ("card under another case", "card-malformed", [card_chunk(good, "CCv3")]),
        ("card compressed", "card-malformed", [make.png_chunk(b"zTXt", b"chara\0\0" + packed)]),
        ("card as international text", "card-malformed", [make.png_chunk(b"iTXt", b"ccv3\0\0\0\0\0e30=")]),
        ("card that is no base64", "card-malformed", [text_chunk("ccv3", b"{not base64}")]),
        ("card that is no JSON", "json-malformed", [text_chunk("ccv3", base64.b64encode(b"{"))]),
        ("card that is no card", "card-malformed", [card_chunk({"name": "Lin"}, "chara")]),
        ("card that is a list", "card-malformed", [card_chunk([1], "chara")]),
        ("asset that no card lists", "card-asset-unlisted", [card_chunk(good), picture]),
        ("asset without a card", "card-asset-unlisted", [picture]),
        ("asset that is missing", "card-asset-missing", [card_chunk(listed)]),
        ("remote asset in a picture", "card-remote-asset", [card_chunk(card(assets=[asset("http://example.org/")]))]),
        ("HTML as an asset", "markup-refused", [card_chunk(listed), text_chunk("chara-ext-asset_:0", b"PGh0bWw+")]),
        ("program as an asset", "type-not-accepted", [
            card_chunk(card(assets=[asset("__asset:0", ext="lua")])), text_chunk("chara-ext-asset_:0", b"YQ=="),
        ]),
        ("asset with a name for an ending", "type-not-accepted", [
            card_chunk(card(assets=[asset("__asset:0", ext="../x")])), picture,
        ]),
    ]  # fmt: skip
    return [Hostile(trick, "lin.png", code, make.png(*chunks)) for trick, code, chunks in cases]


def _archives() -> list[Hostile]:
    listed = card(assets=[asset("embeded://assets/a.png")])
    root = member(name="card.json", data=json.dumps(card()).encode())
    cases = [
        ("no card in the archive", "card-missing", zipped([member(name="a.txt")])),
        ("card in a folder", "card-missing", zipped([member(name="x/card.json", data=root.data)])),
        ("prompts for a card", "card-malformed", zipped([member(name="card.json", data=b'["a cat"]')])),
        ("code folder", "card-script", zipped([root, member(name="assets/x/code/a.txt")])),
        ("Lua in the archive", "type-not-accepted", zipped([root, member(name="assets/x/other/a.lua")])),
        ("JavaScript in the archive", "executable-refused", zipped([root, member(name="assets/a.js")])),
        ("checkpoint in the archive", "pickle-refused", zipped([root, member(name="assets/x/ai/a.ckpt")])),
        ("listed asset missing", "card-asset-missing", charx(listed)),
        ("listed asset in another case", "card-asset-missing", charx(listed, **{"A.png": make.png()})),
        ("listed asset by climbing", "card-asset-missing", charx(card(assets=[asset("embeded://../a.png")]))),
        ("remote asset in the archive", "card-remote-asset", charx(card(assets=[asset("https://example.org/a")]))),
        ("script in the archive's card", "card-script", charx(card(first_mes="<script>1</script>"))),
        ("SVG in the archive", "markup-refused", charx(listed, **{"a.png": b"<svg onload=alert(1)>"})),
        ("slip in the archive", "path-climbs", zipped([root, member(name="../evil.txt")])),
        ("bomb in the archive", "archive-bomb", charx(card(), **{"a.txt": bytes(20 << 20)})),
        ("card twice in the archive", "path-twice", zipped([root, root])),
        ("prompt set as .charx", "content-not-as-named", b"a cat"),
        ("PNG card as .charx", "content-not-as-named", make.png(card_chunk(card()))),
    ]  # fmt: skip
    return [Hostile(trick, "lin.charx", code, data) for trick, code, data in cases]


def _addresses_in_other_words() -> list[Hostile]:
    """Returns cards that fetch, and one that runs, by what browsers and readers of Markdown take for the same."""
    away = "https://example.org/x.png"
    texts = {
        "picture by reference": f"![lin][1]\n\n[1]: {away}",
        "picture with brackets in its words": f"![a [b] c]({away})",
        "picture with one slash": '<img src="https:/example.org/x.png">',
        "picture with backslashes": '<img src="\\\\example.org\\x.png">',
        "picture behind a > in its words": f'<img alt=">" src="{away}">',
        "background among pictures": f"<div style=\"background: image-set('{away}' 1x)\">",
        "background in style escapes": f'<div style="background: \\75 rl({away})">',
        "ping of a link": '<a href="#" ping="https://example.org/">hi</a>',
        "picture of a program for cards": f"{{{{img::{away}}}}}",
    }
    cases = [(trick, "card-remote-asset", card(first_mes=text)) for trick, text in texts.items()]
    cases += [
        ("pictures in lists", "card-remote-asset", card(extensions={"x": {"additionalAssets": [["a", away[:21]]]}})),
        ("text that runs as it moves", "card-script", card(first_mes="<marquee onstart=alert(1)>")),
    ]
    return [Hostile(trick, "lin.json", code, json.dumps(value).encode()) for trick, code, value in cases]


def cards() -> list[Hostile]:
    return [*_json_files(), *_pictures(), *_archives(), *_addresses_in_other_words()]
