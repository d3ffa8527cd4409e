"""docs/recipes.md tells one story: each of its calls is made, in its order, and answers."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import resolve

from marketplace.compositions.models import RecipeLock
from marketplace.compositions.notation.reading import read
from marketplace.licensing.models import Grant
from marketplace.people import operations as people
from tests.cast import later
from tests.storefront.market import Market

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
VARIABLE = re.compile(r"\$([A-Z_]+)")


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def _call(command: str, known: dict[str, str], asked: str) -> Any:
    """Sends what a line of curl sends."""
    words = shlex.split(VARIABLE.sub(lambda found: known[found[1]], command.replace("\\\n", " ")))
    headers = [words[place + 1].partition(": ")[::2] for place, word in enumerate(words) if word == "-H"]
    (address,) = [word.removeprefix("http://testserver") for word in words if word.startswith("http://testserver")]
    body = next((words[place + 1] for place, word in enumerate(words) if word == "-d"), None)
    given = dict(headers)
    kind = given.pop("Content-Type", "application/json")
    if body is None:
        return Client().get(address, headers=given)
    return Client().post(address, asked if body == "@ask.json" else body, content_type=kind, headers=given)


def test_the_guide_is_a_story_that_happens(sealed: Market) -> None:
    cast = sealed.cast
    (recipe,), (asked,) = _blocks("recipe"), _blocks("json")
    assert json.loads(asked)["text"] == recipe
    assert [layer.label for layer in read(recipe).layers] == ["sky", "pier"]
    _key, secret = people.issue_key(studio=cast.studio, by=cast.carol, name="guide", now=later(hours=3))
    known = {"WORLDLOOM": "http://testserver", "WORLDLOOM_KEY": secret}
    answers = []
    for command in _blocks("sh"):
        answer = _call(command, known, asked)
        assert answer.status_code in (200, 201, 503), (command, answer.content)
        answers.append(answer)
        said = answer.json() if answer["Content-Type"] == "application/json" else {}
        if 'recipes/quotes"' in command:
            known["QUOTE"] = said["id"]
        if '/order"' in command:
            known["LOCK"] = said["lock"]["digest"]
    assert answers[0].json()["readable"]
    assert [one["pack"] for one in answers[1].json()["data"]] == ["alice/yunhai"]
    assert Grant.objects.filter(studio=cast.studio).count() == len(answers[0].json()["missing"])
    assert RecipeLock.objects.filter(studio=cast.studio).count() == 2


def test_the_pages_that_it_names_are_there() -> None:
    for address in ("/compose", "/recipes", "/usage"):
        assert address in GUIDE.read_text(encoding="utf-8")
        resolve(address)
