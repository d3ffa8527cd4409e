"""Hostile prompt sets: hidden signs, bombs of names and braces, and YAML's tricks."""

import json
from itertools import pairwise

from tests.assets import makers as make
from tests.assets.hostile_file import RLO, Hostile


def _texts_and_json() -> list[Hostile]:
    texts = [
        ("bad UTF-8", "text-not-utf8", b"a cat\n\xff\xfe dog"),
        ("UTF-16", "text-not-utf8", "a cat".encode("utf-16")),
        ("overlong slash", "text-not-utf8", b"a \xc0\xaf b"),
        ("surrogates in UTF-8", "text-not-utf8", b"\xed\xa0\x80"),
        ("NUL", "text-forbidden-character", b"a\0b"),
        ("escape sequence", "text-forbidden-character", b"\x1b[2Ja cat"),
        ("bidi override", "text-forbidden-character", f"a {RLO}tac".encode()),
        ("bidi isolate", "text-forbidden-character", "a \u2066cat".encode()),
        ("tag characters", "text-forbidden-character", "a cat\U000e0041\U000e0042".encode()),
        ("byte-order mark", "text-forbidden-character", "\ufeffa cat".encode()),
        ("lone return", "text-forbidden-character", b"a cat\ra dog"),
        ("prompt that nobody sees", "prompts-shape", "a cat\n\u200b\u2060\u00ad\n".encode()),
        ("prompt of fillers", "prompts-shape", "\u3164\u2800".encode()),
        ("blank lines only", "prompts-empty", b"\n  \n\t\n"),
        ("empty file", "file-empty", b""),
        ("10 001 prompts", "prompts-too-many", b"cat\n" * 10_001),
        ("prompt of 8001", "prompt-too-long", b"x" * 8001),
        ("5 MiB", "file-too-large", b"a cat\n" * 900_000),
        ("text pickle", "pickle-refused", b"cos\nsystem\n(S'id'\ntR."),
        ("shell script", "executable-refused", b"#!/bin/sh\nrm -rf /\n"),
        ("SVG named text", "markup-refused", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("PNG named text", "content-not-as-named", make.png()),
        ("PDF named text", "polyglot", b"%PDF-1.7\n1 0 obj\n"),
    ]
    documents = [
        ("duplicate key", "json-duplicate-key", b'{"prompts":["a"],"prompts":["b"]}'),
        ("duplicate key by escape", "json-duplicate-key", b'{"prompts":["a"],"\\u0070rompts":["b"]}'),
        ("NaN", "json-number", b'{"prompts":["a"],"weight":NaN}'),
        ("infinity by exponent", "json-number", b'{"prompts":["a"],"weight":1e999}'),
        ("number of 5000 digits", "json-number", b'{"prompts":["a"],"n":' + b"1" * 5000 + b"}"),
        ("100 000 brackets", "json-too-deep", b"[" * 100_000),
        ("17 levels", "json-too-deep", b"[" * 17 + b"]" * 17),
        ("broken", "json-malformed", b'["a", ]'),
        ("a million escaped quotes without end", "json-malformed", b'["' + b'\\"' * 1_000_000 + b"\\"),
        ("comment", "json-malformed", b'["a"] // no'),
        ("half a surrogate", "text-forbidden-character", b'["\\ud800"]'),
        ("escaped NUL", "text-forbidden-character", b'["a\\u0000b"]'),
        ("escaped bidi override", "text-forbidden-character", b'["a\\u202eb"]'),
        ("escaped bidi in a key", "text-forbidden-character", b'{"prompts":["a"],"\\u202ek":1}'),
        ("a number for prompts", "prompts-shape", b"42"),
        ("no prompts", "prompts-shape", b'{"title":"x"}'),
        ("number among prompts", "prompts-shape", b'["a", 1]'),
        ("prompt without text", "prompts-shape", b'{"prompts":[{"lang":"en"}]}'),
        ("blank prompt", "prompts-shape", b'["a", "  "]'),
        ("empty list", "prompts-empty", b"[]"),
        ("wrong language", "prompts-language", b'{"prompts":[{"text":"a","lang":"<b>"}]}'),
    ]
    return [Hostile(trick, "prompts.txt", code, data) for trick, code, data in texts] + [
        Hostile(trick, "prompts.json", code, data) for trick, code, data in documents
    ]


def _dynamic() -> list[Hostile]:
    doubled = "".join(f"${{{name}=${{{one}}}${{{one}}}}}" for one, name in pairwise("abcdefghijklmnopqrs"))
    cases = [
        ("brace that never closes", "prompt-unclosed", "a {red|blue cat"),
        ("brace that never closes, at the end", "prompt-unclosed", "a cat {"),
        ("variable that never closes", "prompt-unclosed", "a ${color:red cat"),
        ("variable that sets and never closes", "prompt-unclosed", "${a={b|c} x"),
        ("seventeen braces", "prompt-too-deep", "{" * 17 + "a" + "}" * 17),
        ("four thousand braces", "prompt-too-deep", "{" * 4000),
        ("four thousand variables", "prompt-too-deep", "${a:" * 2000),
        ("1 001 options", "prompt-too-many-variants", "{" + "|" * 1001 + "}"),
        ("120 000 options in a set", "prompt-too-many-variants", "{a|b|c|d|e|f|g|h|i|j|k}\n" * 9_999),
        ("options of 4 MiB", "prompt-too-many-variants", ("{a|b} " * 300 + "\n") * 2_000),
        ("more picks than may be", "prompt-bounds", "{101$$a|b}"),
        ("picks of 999 999", "prompt-bounds", "{1-999999$$a|b}"),
        ("picks backward", "prompt-bounds", "{5-2$$a|b|c}"),
        ("no picks", "prompt-bounds", "{0$$a|b}"),
        ("picks of something", "prompt-syntax", "{many$$a|b}"),
        ("weights of zero", "prompt-syntax", "{0::a|0::b}"),
        ("variable without a name", "prompt-syntax", "${=a}"),
        ("variable that begins with a digit", "prompt-syntax", "${1a=b}"),
        ("wrapper without an inside", "prompt-syntax", "%{a cat}"),
        ("variable in a variable that sets", "prompt-syntax", "${a=${b=c}}"),
        ("variable of itself", "prompt-cycle", "${a=${a}${a}}${a}"),
        ("variables of each other", "prompt-cycle", "${a=${b}}${b=${a}}${a}"),
        ("variables that double", "prompt-resolved-too-long", "${a=" + "x" * 60 + "}" + doubled + "${s}"),
        ("picks of long texts", "prompt-resolved-too-long", "{100$$__a__|" + "x" * 1000 + "}"),
    ]
    return [Hostile(trick, "prompts.txt", code, text.encode()) for trick, code, text in cases]


def _collections() -> list[Hostile]:
    def chain(count: int, entry: str) -> dict[str, list[str]]:
        return {f"w{n}": [entry.format(n + 1)] for n in range(count)} | {f"w{count}": ["x"]}

    cases = [
        ("wildcard of itself", "prompt-cycle", {"a": ["__a__"]}),
        ("wildcard of itself by a pattern", "prompt-cycle", {"x": {"a": ["__x/*__"]}}),
        ("wildcards of each other", "prompt-cycle", {"a": ["__b__"], "b": ["c", "__c__"], "c": ["__a__"]}),
        ("wildcards that double", "prompt-resolved-too-long", chain(60, "__w{0}__ __w{0}__")),
        ("wildcards seventeen deep", "prompt-too-deep", chain(17, "__w{0}__")),
        ("wildcards a thousand deep", "prompt-too-deep", chain(1000, "__w{0}__")),
        ("wildcards that double their arguments", "prompt-cycle", chain(60, "__w{0}(x=${{x}}${{x}})__")),
        ("patterns without end", "prompt-too-many-wildcards", {"a": [f"__b{n}*__" for n in range(101)]}),
        ("broken entry", "prompt-unclosed", {"colors": {"warm": ["red", "{orange"]}}),
        ("10 001 entries", "prompts-too-many", {"a": ["x"] * 10_001}),
        ("entry of 8 001", "prompt-too-long", {"a": ["x" * 8001]}),
        ("empty list", "prompts-shape", {"a": []}),
        ("number for an entry", "prompts-shape", {"a": ["x", 1]}),
        ("name that climbs", "prompts-shape", {"..": ["x"]}),
        ("name with two underscores", "prompts-shape", {"a__b": ["x"]}),
        ("name of 127", "prompts-shape", {"n" * 60: {"n" * 60: {"n" * 60: ["x"]}}}),
        ("text for a list", "prompts-shape", {"a": "x"}),
        ("broken variable", "prompt-unclosed", {"prompts": ["a cat"], "variables": {"x": "{a|b"}}),
        ("wildcard of itself beside prompts", "prompt-cycle", {"prompts": ["a"], "wildcards": {"a": ["__a__"]}}),
        ("variable of itself beside prompts", "prompt-cycle", {"prompts": ["a"], "variables": {"x": "${x}"}}),
    ]
    return [Hostile(trick, "wildcards.json", code, json.dumps(value).encode()) for trick, code, value in cases]


def _yaml() -> list[Hostile]:
    laughs = 'a: &a ["lol"]\n' + "".join(f"{b}: &{b} [{f'*{a}, ' * 8}*{a}]\n" for a, b in pairwise("abcdefghi"))
    cases = [
        ("billion laughs", "yaml-alias", laughs),
        ("anchor alone", "yaml-alias", "a: &x [cat]"),
        ("alias of nothing", "yaml-alias", "a: *x"),
        ("merge of a mapping", "yaml-merge", "a:\n  <<: {b: [c]}"),
        ("Python object", "yaml-tag", "!!python/object/apply:os.system ['id']"),
        ("Python object inside", "yaml-tag", "a: [!!python/name:os.system x]"),
        ("tag of its own", "yaml-tag", "- !secret x"),
        ("tag of nothing", "yaml-tag", "- ! x"),
        ("binary", "yaml-tag", "- !!binary aGk="),
        ("key twice", "yaml-duplicate-key", "a: [b]\na: [c]"),
        ("key twice by an escape", "yaml-duplicate-key", 'a: [b]\n"\\x61": [c]'),
        ("number for a key", "yaml-key", "1: [a]"),
        ("list for a key", "yaml-key", "? [a, b]\n: [c]"),
        ("mapping for a key", "yaml-key", "{a: b}: [c]"),
        ("yes for an entry", "yaml-ambiguous", "a: [yes]"),
        ("date for an entry", "yaml-ambiguous", "a: [2024-01-01]"),
        ("time for an entry", "yaml-ambiguous", "a: [12:30]"),
        ("not a number", "yaml-ambiguous", "a: [.nan]"),
        ("octal number", "yaml-ambiguous", "a: [0o17]"),
        ("infinity by exponent", "yaml-number", "a: [1e999]"),
        ("number of 5000 digits", "yaml-ambiguous", "a: [" + "1" * 5000 + "]"),
        ("two documents", "yaml-documents", "--- [a]\n--- [b]"),
        ("directive", "yaml-documents", "%YAML 1.1\n--- [a]"),
        ("tag directive", "yaml-documents", "%TAG ! tag:example.org,2000:\n--- [a]"),
        ("17 lists", "yaml-too-deep", "[" * 17 + "]" * 17),
        ("a million brackets", "yaml-too-deep", "[" * 1_000_000),
        ("a million braces", "yaml-too-deep", "{a: " * 1_000_000),
        ("a million dashes", "yaml-too-deep", "- " * 1_000_000),
        ("a million anchors", "yaml-alias", "&a " * 1_000_000),
        ("100 001 entries", "yaml-too-many", "- a\n" * 100_001),
        ("unclosed list", "yaml-malformed", "a: [b, c"),
        ("unclosed quotes", "yaml-malformed", 'a: "' + "x" * 1_000_000),
        ("tabs", "yaml-malformed", "a:\n\t- b"),
        ("two colons", "yaml-malformed", "a: b: c"),
        ("only a comment", "yaml-malformed", "# nothing"),
        ("no value", "prompts-shape", "~"),
        ("only a number", "prompts-shape", "7"),
        ("only text", "prompts-shape", "a cat"),
        ("prompts without text", "prompts-shape", "prompts: [{lang: en}]"),
        ("numbers for prompts", "prompts-shape", "prompts: [1, 2]"),
        ("wrong language", "prompts-language", "prompts: [{text: a, lang: '<b>'}]"),
        ("escaped bidi override", "text-forbidden-character", 'a: ["x\\u202ey"]'),
        ("escaped NUL", "text-forbidden-character", 'a: ["x\\0y"]'),
        ("bidi override", "text-forbidden-character", f"a: [x{RLO}y]"),
        ("wildcard of itself", "prompt-cycle", "a: ['__a__']"),
        ("unclosed brace", "prompt-unclosed", "prompts:\n  - a {b|c"),
        ("PNG named YAML", "content-not-as-named", None),
        ("5 MiB", "file-too-large", "- a cat\n" * 700_000),
    ]
    return [
        Hostile(trick, "prompts.yaml", code, make.png() if text is None else text.encode())
        for trick, code, text in cases
    ]


def prompts() -> list[Hostile]:
    return [*_texts_and_json(), *_dynamic(), *_collections(), *_yaml()]
