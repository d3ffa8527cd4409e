"""What Carol's refs name, and where in her recipe something is wrong with them."""

from dataclasses import replace

from django.db import connection
from django.test.utils import CaptureQueriesContext

from marketplace.compositions.notation.findings import Finding
from marketplace.compositions.notation.places import mended
from marketplace.compositions.notation.reading import read
from marketplace.compositions.resolving import Resolution, resolve
from marketplace.ui.formats import sentence
from tests.cast import later
from tests.compositions.stage import Stage


def _resolved(text: str) -> Resolution:
    return resolve(read(text), now=later(hours=2))


def _names(text: str) -> list[str]:
    found = _resolved(text)
    assert not found.findings
    return [one.name for one in found.refs]


def _finding(text: str) -> Finding:
    (one,) = _resolved(text).findings
    return one


def _costs_no_more_questions_than_few() -> None:
    lines = [f"|l{n}: x @alice/sea @bob/night @mo/ink @alice/sea:1.0.0/ink @nobody{n}/x" for n in range(60)]
    lines = [line.replace("@alice/sea:1.0.0/ink", "@alice/sea/ink:1.0.0") for line in lines]
    with CaptureQueriesContext(connection) as asked:
        found = _resolved("\n".join(lines[:1]))
    few = len(asked)
    with CaptureQueriesContext(connection) as asked:
        many = _resolved("\n".join(lines))
    assert (len(found.refs), len(found.findings)) == (5, 1)
    assert (len(many.refs), len(many.findings)) == (300, 60)
    # Only so many are looked after for what may have been meant.
    assert len(asked) <= few + 4


def test_refs_name_the_newest_version_that_can_be_had(scene: Stage) -> None:
    digest = scene.sea.digest
    text = f"""%@海 = alice/sea:^1*0.5
|a: x @alice/sea @Alice/Sea/INK:1.0.0 @alice/sea@1.0.0
|b: x @alice/sea:~1.0 @alice/sea:>=1.0.0&<1.1.0 @alice/sea:sha256-{digest}
｜丙：云海 ＠海 @海:1.0.0*2 @mo
- 风格 水墨 @mo/ink
"""
    assert _names(text) == [
        *("alice/sea@1.1.0", "alice/sea@1.0.0/ink", "alice/sea@1.0.0"),
        *("alice/sea@1.0.0", "alice/sea@1.0.0", "alice/sea@1.0.0"),
        *("alice/sea@1.1.0", "alice/sea@1.0.0", "mo/ink@1.0.0", "mo/ink@1.0.0"),
    ]
    found = _resolved(text)
    assert [one.weight_ppm for one in found.refs[6:9]] == [500_000, 2_000_000, 1_000_000]
    assert (found.base_model, found.refs[0].layer, found.refs[-1].layer) == ("sd15", "a", "style")
    _costs_no_more_questions_than_few()
    # What is withdrawn is passed over by a range, and found where it is named.
    scene.withdraw(scene.sea_11)
    assert _names("|a: x @alice/sea @alice/sea:1.1.0") == ["alice/sea@1.0.0", "alice/sea@1.1.0"]


def test_what_is_wrong_has_its_place_and_what_was_meant(scene: Stage) -> None:
    scene.publish(scene.cast.mo, "gold", base_model="sdxl", seed=31)
    wrong = {
        "|a: x @alice/see:1.0.0*0.5 [full]": ("unknown-pack", "@alice/sea:1.0.0*0.5"),
        "|a: x @mo*2 [full]": ("ambiguous-pack", "@mo/gold*2"),
        "|a: x @allice [full]": ("unknown-creator", ""),
        "|a: x @sea [full]": ("unknown-creator", "@alice/sea"),
        "|a: x @alice/sea:9.x [full]": ("no-version", "@alice/sea:1.1.0"),
        "|a: x @alice/sea/inc:1.0.0 [full]": ("no-element", "@alice/sea/ink:1.0.0"),
        "|a: x @alice/sea:sha256-" + "0" * 64: ("no-digest", ""),
    }
    for text, (code, suggestion) in wrong.items():
        found = _finding(text)
        assert (found.line, found.column, found.code, found.suggestion) == (1, 7, code, suggestion), text
        assert text[6 : 6 + found.length].startswith("@")
        assert sentence(found).endswith(".")
        if suggestion:
            better = mended(text, found.line, found.column, found.length, suggestion)
            assert not _resolved(better).findings
    assert sentence(_finding("|a: x @mo")) == "mo has several packs: write @mo/gold and @mo/ink."
    # One base model in a recipe: the first model's, or what the recipe says.
    other = _finding("|a: x @alice/sea\n|b: y @mo/gold")
    assert (other.line, other.column, other.code) == (2, 7, "wrong-base-model")
    assert sentence(other) == (
        "mo/gold@1.0.0 is made for SDXL, but alice/sea@1.1.0 for Stable Diffusion 1.5: use models of one base model."
    )
    said = _finding("%base=sdxl\n|a: x @alice/sea\n|b: y @mo/gold")
    assert (said.line, said.column) == (2, 7)
    assert "the recipe says SDXL" in sentence(said)
    assert _resolved("%base=sdxl\n|b: y @mo/gold").base_model == "sdxl"


def test_aliases_that_stand_for_each_other_are_told(db: None) -> None:
    recipe = read("%@A = alice/sea\n|a: x @A")
    (alias,) = recipe.aliases
    in_a_circle = replace(
        recipe, aliases=(("A", replace(alias[1], path=("B",))), ("B", replace(alias[1], path=("A",))))
    )
    (found,) = resolve(in_a_circle, now=later(hours=2)).findings
    assert (found.code, sentence(found)) == (
        "alias-cycle",
        "The aliases stand for each other in a circle: @A → @B → @A.",
    )
