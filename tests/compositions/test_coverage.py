"""Carol licenses what Bob composed, and runs it: as it is composed, and no pack of it by itself."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from marketplace.compositions.checking import LICENSED, OFFERED, OWN, Checked
from marketplace.compositions.compositions import composition_text
from marketplace.compositions.kit import record
from marketplace.compositions.queries import lock_in, unlicensed
from marketplace.compositions.wholes import wholes_of
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Download, Grant, GrantStatus
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from tests.cast import later
from tests.compositions.composed import compose
from tests.compositions.stage import FILM, Stage
from tests.compositions.test_kit import kit, opened
from tests.storefront.composing import FILM_ASKED


def under(checked: Checked) -> list[tuple[str, Grant | None]]:
    """Each pack's verdict, and under which license."""
    return [(ref.verdict, ref.grant) for ref in checked.refs]


def test_a_license_of_a_composition_covers_its_packs_only_as_composed(scene: Stage) -> None:
    made = compose(scene.cast.bob)
    text = composition_text(made)

    assert [verdict for verdict, _grant in under(scene.check(text))] == [OFFERED] * 3
    (grant,) = scene.buy(scene.offer(made, "studio"))
    checked = scene.check(text)
    assert (checked.licensed, under(checked)) == (True, [(LICENSED, grant)] * 3)
    # Other words, weights and regions, and more layers; what is added is bought by itself.
    more = text.replace("*0.8", "*0.3").replace("a crowd", "nobody").replace("[box 0,0.5,1,1]", "[rest]")
    checked = scene.check(more + "|gold: leaves @alice/sea:1.0.0\n|own: my own words\n")
    assert {ref.grant for ref in checked.refs if ref.verdict == LICENSED} == {grant}
    assert [layer.verdict for layer in checked.layers] == [LICENSED, LICENSED, OFFERED, OWN, LICENSED]


@pytest.mark.parametrize(
    ("said", "instead", "verdicts"),
    [
        # One pack is missing, in another version, or as another thing than what is composed.
        ("- style: ink wash @mo/ink:1.0.0\n", "", [OFFERED, OFFERED]),
        ("@alice/sea/ink:1.1.0", "@alice/sea/ink:1.0.0", [OFFERED] * 3),
        ("@alice/sea/ink:1.1.0", "@alice/sea:1.1.0", [OFFERED] * 3),
        # All of it is there, and a release paints with more than what is composed of it; an element of a whole pack is.
        ("@alice/sea/ink:1.1.0", "@alice/sea/ink:1.1.0 @alice/sea:1.1.0", [OFFERED, OFFERED, LICENSED, LICENSED]),
        ("@bob/night:1.0.0", "@bob/night:1.0.0 @bob/night/ink:1.0.0", [LICENSED] * 4),
    ],
)
def test_what_is_not_as_composed_is_not_covered(scene: Stage, said: str, instead: str, verdicts: list[str]) -> None:
    made = compose(scene.cast.bob)
    scene.buy(scene.offer(made, "studio"))
    text = composition_text(made)
    assert said in text

    assert [ref.verdict for ref in scene.check(text.replace(said, instead)).refs] == verdicts


def test_locks_kits_and_refusals_are_the_compositions_license(scene: Stage) -> None:
    made = compose(scene.cast.bob)
    (grant,) = scene.buy(scene.offer(made, "studio"))
    row = scene.lock(composition_text(made))
    lock = lock_in(row)

    assert {(ref.grant, ref.offer, ref.price_minor) for ref in lock.refs} == {
        (str(grant.pk), str(grant.offer_id), 6_000)
    }
    assert {packed.grant_id for packed in row.packs.all()} == {grant.pk}
    assert unlicensed(lock, now=later(hours=3)) == []
    found = kit(scene, row)
    zipped = opened(found)
    assert [name for name in zipped.namelist() if name.startswith("licenses/")] == [f"licenses/{grant.pk}.jws"]
    assert len([name for name in zipped.namelist() if name.startswith("models/")]) == 3
    record(found, by="carol", now=later(hours=3))
    assert [(one.grant_id, one.by) for one in Download.objects.all()] == [(grant.pk, "carol")]
    # Suspended, it covers nothing; Dave, who has none, sees what the packs cost.
    licensing.set_status(grant=grant, status=GrantStatus.SUSPENDED, reason="dispute", now=later(hours=4))
    assert unlicensed(lock, now=later(hours=5)) == [
        ("pier", "alice/sea@1.1.0"), ("crowd", "bob/night@1.0.0"), ("style", "mo/ink@1.0.0"),
    ]  # fmt: skip
    assert not scene.check(composition_text(made), now=later(hours=5)).licensed
    daves = scene.check(composition_text(made), studio=scene.cast.daves_studio)
    assert under(daves) == [(OFFERED, None)] * 3


def test_its_own_license_of_a_pack_goes_first(scene: Stage) -> None:
    made = compose(scene.cast.bob)
    ink, composed = scene.buy(scene.offer(scene.ink, "studio"), scene.offer(made, "studio"))

    checked = scene.check(composition_text(made))

    assert under(checked) == [(LICENSED, composed), (LICENSED, composed), (LICENSED, ink)]


def test_packs_that_clash_by_themselves_go_together_under_one_license_of_their_composer(scene: Stage) -> None:
    """Two owners of what is made cannot stand beside each other; whoever composed both owns for both."""
    owning = replace(READY["studio"], name="ours", output_owner="provider")
    made = compose(scene.cast.bob, offers=())
    offer = licensing.offer(release=made, terms=owning, price=Money(1_000, "USD"), now=later(minutes=10))
    (grant,) = scene.buy(offer)

    checked = scene.check(composition_text(made), use=replace(FILM, seats=3))

    assert under(checked) == [(LICENSED, grant)] * 3
    assert checked.clashes == ()


def test_a_composition_paints_no_layer(scene: Stage) -> None:
    compose(scene.cast.bob)

    (found,) = scene.check("|a: x @bob/pier-night\n").findings

    assert (found.code, found.line, found.column, found.length, found.suggestion) == ("is-composition", 1, 7, 15, "")
    assert found.message == (
        "bob/pier-night is a composition, which cannot paint a layer: open its recipe, or name the packs that it is"
        " made of."
    )


def test_what_is_in_a_composition_is_asked_for_once(scene: Stage, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        made = compose(
            scene.cast.bob, handle=f"pier-{number}", text=f"|a: take {number} @alice/sea\n- style: @mo/ink\n"
        )
        scene.buy(scene.offer(made, "studio"))

    with django_assert_max_num_queries(12):
        checked = scene.check("|a: x @alice/sea\n- style: @mo/ink\n")
    assert {ref.verdict for ref in checked.refs} == {LICENSED}


def test_a_recipe_that_has_a_whole_composition_in_it_may_be_cheaper_as_that(
    scene: Stage, django_assert_max_num_queries: Any
) -> None:
    made = compose(scene.cast.bob)
    compose(scene.cast.bob, "|a: other things @alice/sea/ink @mo/ink @bob/night/ink\n", handle="others")
    text = composition_text(made)
    checked = scene.check(text + "|gold: leaves @alice/sea:1.0.0\n")

    with django_assert_max_num_queries(6):
        (whole,) = wholes_of(checked, now=later(hours=2))

    # Three packs at 100.01 each, or all of them as they are composed at 60.
    assert (whole.release, whole.price_minor, whole.instead_minor, whole.currency) == (made, 6_000, 30_003, "USD")
    assert whole.layers == ("pier", "crowd", "style")
    assert whole.offer == scene.offer(made, "studio").pk
    page = Client().post("/compose", FILM_ASKED | {"text": text}).content.decode()
    assert "licenses pier, crowd, style together for $60.00 instead of $300.03." in page
    # Not once it is held, nor where it costs more, is not sold, or does not allow the use.
    assert wholes_of(scene.check(text.replace("- style", "# - style")), now=later(hours=2)) == []
    scene.buy(scene.offer(scene.sea_11, "studio"), scene.offer(scene.ink, "studio"))
    assert wholes_of(scene.check(text), now=later(hours=2)) == []
    daves = scene.check(text, studio=scene.cast.daves_studio)
    assert [one.release for one in wholes_of(daves, now=later(hours=2))] == [made]
    scene.withdraw(made)
    assert wholes_of(scene.check(text, studio=scene.cast.daves_studio), now=later(hours=2)) == []
