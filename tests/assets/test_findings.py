"""What the inspectors say can cross as JSON and be said in Chinese, to the last word of it."""

import json
import re
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.conf import settings

from assets.inspectors.base import Finding, Refused, finding_of, refused
from assets.inspectors.dispatch import inspect_file
from assets.rules import paths_findings
from marketplace.ui import formats, translations
from marketplace.ui.words import Words
from tests.assets.hostile import HOSTILE, Hostile
from tests.assets.makers import written


@cache
def chinese() -> Catalog:
    return translations.load(Path(settings.HOME) / "locale/zh_Hans/LC_MESSAGES/django.po")


@pytest.fixture
def _in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks words up in the catalog itself, which needs no compiling; an unknown text fails."""
    monkeypatch.setattr(formats, "gettext", lambda text: chinese().get(text).string)


def found_in(hostile: Hostile, folder: Path) -> Finding:
    with pytest.raises(Refused) as refusal:
        inspect_file(written(folder, "file", hostile.data), hostile.name)
    return refusal.value.findings[0]


@pytest.mark.usefixtures("_in_chinese")
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: f"{hostile.name[:40]!a}: {hostile.trick}")
def test_every_finding_crosses_as_json_and_is_said_in_chinese(hostile: Hostile, tmp_path: Path) -> None:
    finding = found_in(hostile, tmp_path)

    assert finding_of(json.loads(json.dumps(asdict(finding)))) == finding
    said = formats.sentence(finding)
    assert re.search("[\u4e00-\u9fff]", said)
    assert said.endswith(("。", "。”"))
    assert not re.search(r"\b(the|is|has|holds|offset|must)\b", said.replace(str(finding.values["file"]), ""))


@pytest.mark.usefixtures("_in_chinese")
def test_words_within_words_are_said_too() -> None:
    place = Words("line %(number)s", {"number": 1})
    template = "%(place)s holds the hidden or control character %(character)s; remove it."
    finding = refused("text-forbidden-character", template, "line 1", place=place, character="U+0000").findings[0]

    named = finding.in_file("b.txt")

    assert named.message == "b.txt: line 1 holds the hidden or control character U+0000; remove it."
    assert named.where == "b.txt: line 1"
    assert formats.sentence(named) == "b.txt：第 1 行：含有隐藏字符或控制字符 U+0000，请删除。"


@pytest.mark.usefixtures("_in_chinese")
def test_names_are_refused_in_chinese() -> None:
    said = [formats.sentence(finding) for finding in paths_findings(["", "a.png", "A.PNG", "a//b"])]

    assert said == [
        "某个文件：文件必须有名称，请重命名该文件。",
        "A.PNG：与 a.png 重名，请重命名其中一个。",
        "a//b：路径的斜杠之间出现了 ''，请重命名该文件。",
    ]
