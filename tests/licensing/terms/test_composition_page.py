"""What docs/formats/composition.md says is what happens: its examples, and its codes."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from marketplace.licensing.terms.asking import RULES, ask
from marketplace.licensing.terms.choosing import MOST_KEPT, Alternative
from marketplace.licensing.terms.document import terms_from
from marketplace.licensing.terms.fixing import fixes
from marketplace.licensing.terms.lattice import Layer
from marketplace.licensing.terms.model import Scope, Use
from marketplace.licensing.terms.narrowing import narrowed

PAGE = (Path(__file__).resolve().parents[3] / "docs/formats/composition.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def read(values: dict[str, Any], base: Use | None = None) -> Use:
    """This will give a use as the page writes it, or one with changes."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            ((kind, codes),) = value.items()
            value = Scope(frozenset(codes), kind == "all_but")
        found[name] = frozenset(value) if isinstance(value, list) else value
    return replace(base or Use(), **found)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_true(example: dict[str, Any]) -> None:
    layers = [Layer(one["name"], one["party"], terms_from(one["terms"])) for one in example["layers"]]
    use = read(example["use"])

    answer = ask(use, layers)

    assert answer.allowed is example["allowed"]
    assert [[one.code, list(one.layers)] for one in answer.refusals] == example.get("refusals", [])
    for duty, owed in example.get("duties", {}).items():
        assert json.loads(json.dumps(getattr(answer.duties, duty))) == owed
    if "narrowed" in example:
        left = narrowed(use, layers)
        assert (left and left.use) == (example["narrowed"] and read(example["narrowed"], use))
    if "fixes" in example:
        alternatives = {
            name: [
                Alternative(one["kind"], one["name"], one["party"], terms_from(one["terms"]), *one["price"])
                for one in those
            ]
            for name, those in example["alternatives"].items()
        }
        found = [
            {
                "kind": fix.kind,
                "changes": [[change.layer, change.to.name] for change in fix.changes],
                "prices": [list(price) for price in fix.prices],
            }
            for fix in fixes(use, layers, alternatives)
        ]
        assert found == example["fixes"]


def test_examples_cover_every_kind_of_answer() -> None:
    assert len(EXAMPLES) == 6
    assert {example["allowed"] for example in EXAMPLES} == {True, False}
    assert {fix["kind"] for example in EXAMPLES for fix in example.get("fixes", [])} == {"offer", "pack", "request"}


def test_the_page_lists_the_rules_in_their_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([a-z-]+)` \| ", PAGE, re.MULTILINE)

    assert rows == [(rule.dimension, rule.code) for rule in RULES]
    assert f"more than {MOST_KEPT}" in PAGE
