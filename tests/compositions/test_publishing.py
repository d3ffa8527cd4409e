"""Bob publishes what he composed of Alice's sea, Mo's ink and his own night."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

import assets.queries
from marketplace.catalog.models import Release, ReleaseAsset
from marketplace.catalog.operations import UnableToPublish
from marketplace.compositions.composing import Contracts, recipe_in
from marketplace.compositions.compositions import composition_text, facts_of
from marketplace.compositions.drafting import UnableToPublishComposition
from marketplace.compositions.masks import add_mask
from marketplace.compositions.notation.findings import UnreadableRecipe
from marketplace.compositions.notation.numbers import write_decimal
from marketplace.compositions.queries import lock_in
from marketplace.intake.models import Submission
from marketplace.licensing import operations as licensing
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.queries import shares_of
from marketplace.payouts.rules import Money
from marketplace.ui.formats import sentence
from tests import packs
from tests.cast import later
from tests.compositions.composed import TEXT, compose
from tests.compositions.services.gallery import publish
from tests.compositions.stage import Stage
from tests.intake.stage import traces

WHOLE = 1_000_000_000


def content(release: Release, path: str) -> bytes:
    row = ReleaseAsset.objects.get(release=release, path=path)
    with assets.queries.open_blob(row.asset.blob_id) as file:
        return file.read()


def test_a_composition_is_a_release_whose_contents_are_other_releases(scene: Stage) -> None:
    made = compose(scene.cast.bob)

    assert (str(made), made.pack.kind, made.base_model) == ("bob/pier-night@1.0.0", "composition", "sd15")
    assert composition_text(made) == (
        "# worldloom/recipe/1\n"
        "%seed=7\n"
        "|pier: a pier above the clouds @alice/sea/ink:1.1.0*0.8\n"
        "|crowd: a crowd with lanterns @bob/night:1.0.0 [box 0,0.5,1,1]\n"
        "- style: ink wash @mo/ink:1.0.0\n"
    )
    # 0.8 × 1, 1 × 0.5 and 1 × 1 of 2.3 together; the unit that is left goes to the largest remainder, Alice's.
    said = json.loads(content(made, "composition.json"))
    assert [(one["layer"], one["pack"], one["element"], one["share_ppb"]) for one in said["packs"]] == [
        ("pier", "alice/sea", "ink", 347_826_087),
        ("crowd", "bob/night", "", 217_391_304),
        ("style", "mo/ink", "", 434_782_609),
    ]
    assert (said["format"], said["policy"], "fees" in said) == ("worldloom/composition/1", "weight-area", False)
    # Of 600 000 000: 208 695 652.2, 130 434 782.4 and 260 869 565.4: the one left is Bob's, the first of the largest.
    assert {str(link.parent): link.share_ppb for link in made.parents.all()} == {
        "alice/sea@1.1.0": 208_695_652,
        "bob/night@1.0.0": 130_434_783,
        "mo/ink@1.0.0": 260_869_565,
    }
    assert {payee.handle: share for payee, share in shares_of(made.split_id)} == {
        "alice": 208_695_652,
        "bob": 400_000_000 + 130_434_783,
        "mo": 260_869_565,
    }
    assert facts_of([made, scene.sea])[made.pk]["kind"] == "composition"
    assert composition_text(scene.sea) == ""


def test_a_recipe_is_no_set_of_prompts_whose_rules_are_others(scene: Stage) -> None:
    text = TEXT.replace("|pier: ", "%var.颜色={红|蓝}\n|pier: ${颜色}, {2$$a|b\\}|}, ", 1)

    made = compose(scene.cast.bob, text)

    assert "%var.颜色={红|蓝}\n|pier: ${颜色}, {2$$a|b\\}|}, " in composition_text(made)
    row = ReleaseAsset.objects.select_related("asset").get(release=made, path="recipe.txt")
    assert (row.asset.media_type, row.asset.facts) == (
        "text/vnd.worldloom.recipe",
        {"format": "worldloom/asset-facts/1", "kind": "recipe", "lines": 6},
    )


def refused(scene: Stage, text: str = TEXT, **more: Any) -> list[tuple[str, int, int, str]]:
    """Why it is not published: code, line, column, sentence; and nothing of it is left."""
    before = traces(), Submission.objects.count()
    with pytest.raises(UnableToPublishComposition) as error:
        compose(more.pop("creator", scene.cast.bob), text, **more)
    assert (traces(), Submission.objects.count()) == before
    return [(one.code, one.line, one.column, sentence(one)) for one in error.value.findings]


def test_what_cannot_be_composed_says_where(scene: Stage) -> None:
    assert refused(scene, "|a: my own words\n") == [
        ("no-pack", 1, 2, "No layer names a pack, so that there is nothing to compose: name the packs that paint.")
    ]
    assert refused(scene, "|a: x @alice/sea:1.0.0\n|b: y @alice/sea\n") == [
        (
            *("two-versions", 2, 7),
            "The layer “b” uses alice/sea@1.1.0, and another one alice/sea@1.0.0: use one version of a pack in all"
            " layers.",
        )
    ]
    assert [one[:3] for one in refused(scene, "|a: x @alice/see\n|b: y @mo/ink/paper\n")] == [
        ("unknown-pack", 1, 7),
        ("no-element", 2, 7),
    ]
    assert refused(scene, "%policy=negotiated\n%share.a=100\n%share.style=0\n|a: x @alice/sea\n- style: @mo/ink\n") == [
        (
            *("no-share", 5, 10),
            "mo/ink@1.0.0 in the layer “style” would get nothing of a sale: give it weight or area, or take it out.",
        )
    ]
    for share in (0, -1, WHOLE):
        assert [one[0] for one in refused(scene, own_share_ppb=share)] == ["own-share"]
    with pytest.raises(UnreadableRecipe):
        compose(scene.cast.bob, "sky: x")
    made = compose(scene.cast.bob)
    with pytest.raises(UnableToPublishComposition, match="is a composition, which cannot paint a layer"):
        compose(scene.cast.mo, f"|a: x @{made.pack}\n")
    assert Release.objects.filter(pack__kind="composition").count() == 1


def test_nobody_sells_what_the_packs_do_not_allow(scene: Stage) -> None:
    """Alice lets nobody share what they make, or wants more of it: each is said at the layer that it is about."""
    scene.withdraw(scene.sea_11)
    assert refused(scene, TEXT.replace(":^1", ":1.1.0")) == [
        (
            *("layer-forbids", 4, 32),
            "The layer “pier”: alice/sea@1.1.0 has no offer to rely on, and you hold no license of it: get one, or"
            " leave the offers out.",
        )
    ]
    scene.offering(scene.sea_11, "studio", 10_000, "EUR")
    ((code, line, column, said),) = refused(scene, TEXT.replace(":^1", ":1.1.0"))
    assert (code, line, column) == ("layer-forbids", 4, 32)
    assert said.startswith("The layer “pier”: Nothing made from alice/sea@1.1.0 may be sold, for the offer “studio”")
    # An offer that goes further than the packs do, and a royalty that is more than the share.
    greedy = replace(
        READY["enterprise"], name="greedy", royalty_ppb=300_000_000, commercial="limited", revenue_cap_usd=5
    )
    scene.withdraw(scene.ink)
    licensing.offer(release=scene.ink, terms=greedy, price=Money(5, "USD"), now=later(minutes=40))
    found = refused(scene, "|a: x @mo/ink*0.1\n|b: y @bob/night\n")
    assert [one[:3] for one in found] == [("layer-forbids", 1, 7)] * 2
    assert "The offer “studio” says" in found[0][3]
    assert found[1][3].endswith("and it gets 5.4545455% here: raise its share.")
    # Without offers nothing is sold, and nothing is asked; what is one's own is no limit.
    made = compose(scene.cast.bob, "|a: x @mo/ink*0.1\n|b: y @bob/night\n", offers=())
    assert {str(link.parent): link.share_ppb for link in made.parents.all()} == {
        "mo/ink@1.0.0": 54_545_455,
        "bob/night@1.0.0": 545_454_545,
    }


def test_contract_fees_stand_in_the_file_and_in_its_facts(scene: Stage) -> None:
    contracts = Contracts("image", "USD", {scene.ink.digest: 2})
    assert refused(scene, contracts=Contracts("image", "USD", {scene.sea.digest: 2})) == [
        (
            *("fee-of-nothing", 1, 1),
            f"The fee for {scene.sea.digest[:12]}… is for no release of this composition: take it out.",
        )
    ]
    assert [one[0] for one in refused(scene, contracts=replace(contracts, unit=""))] == ["fee-incomplete"]
    assert [one[0] for one in refused(scene, contracts=replace(contracts, fees={scene.ink.digest: 0}))] == [
        "fee-of-zero"
    ]

    made = compose(scene.cast.bob, contracts=contracts)

    facts = facts_of([made])[made.pk]
    assert (facts["unit"], facts["currency"]) == ("image", "USD")
    assert facts["fees"] == [{"release": scene.ink.digest, "amount_minor": 2}]


def test_a_lock_is_composed_as_it_was_locked(scene: Stage) -> None:
    """The mask stays with Carol's studio; how much of the picture it covers goes into the recipe."""
    mask = add_mask(data=packs.picture(), person=scene.cast.carol, now=later(hours=1))
    text = TEXT.replace("[box 0,0.5,1,1]", "[mask crowd.png] {feather=0.1}")
    lock = lock_in(scene.lock(text, masks={"crowd.png": mask.sha256}))
    newer = scene.publish(scene.cast.alice, "sea", version="1.2.0", seed=21)
    recipe = recipe_in(lock)

    made = compose(scene.cast.bob, recipe=recipe)

    area = write_decimal(mask.area_ppm)
    assert f"|crowd: a crowd with lanterns @bob/night:1.0.0 [mask crowd.png] {{area={area}}} {{feather=0.1}}\n" in (
        composition_text(made)
    )
    assert [row["share_ppb"] for row in facts_of([made])[made.pk]["packs"]] == [ref.share_ppb for ref in lock.refs]
    assert newer not in [link.parent for link in made.parents.all()]


def test_no_cycle_can_be_made(scene: Stage) -> None:
    """What Bob composed of Alice's sea may be a source of her next version; the composition stays with the old one."""
    made = compose(scene.cast.bob, "|a: x @alice/sea @mo/ink\n")
    scene.offering(made, "enterprise", 5_000)
    again = scene.publish(scene.cast.alice, "sea", version="2.0.0", seed=31, parents=[(str(made), 100_000_000)])
    next_one = compose(scene.cast.bob, "|a: x @alice/sea @mo/ink\n", version="1.0.1")

    seen, level = set(), [next_one]
    while level:
        level = [link.parent for one in level for link in one.parents.all()]
        assert next_one not in level
        assert not seen & {one.pk for one in level if one == next_one}
        seen |= {one.pk for one in level}
    assert {again.pk, made.pk, scene.sea_11.pk, scene.ink.pk} == seen
    # Of itself nobody can make it: a version that is not published yet has no name that could be found.
    with pytest.raises(UnableToPublish, match="is not published"):
        scene.publish(scene.cast.alice, "sea", version="3.0.0", seed=32, parents=[("alice/sea@3.0.0", 1)])


def test_what_a_provider_paints_on_request_may_be_in_it(scene: Stage) -> None:
    provider: Any = SimpleNamespace(endpoint="https://paint.example/worldloom")
    publish(scene.folder, scene.cast.mo, "paint", provider, seed=51)
    made = compose(scene.cast.bob, "|a: x @mo/paint/paint\n|b: y @alice/sea/ink\n")
    (grant,) = scene.buy(scene.offer(made, "studio"))

    lock = lock_in(scene.lock(composition_text(made)))

    held = str(grant.pk)
    assert [(ref.service, ref.grant) for ref in lock.refs] == [("service.json", held), ("", held)]
