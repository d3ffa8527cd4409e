"""Bob publishes a recipe from the portal, from his studio's lock or from its text; Dave may not see the lock."""

from typing import Any

import pytest
from django.test import Client

from marketplace.compositions.compositions import facts_of
from marketplace.intake.models import Submission
from marketplace.licensing.models import Offer
from marketplace.people.operations import become_creator
from tests import packs
from tests.cast import NOON
from tests.compositions.conftest import _english, scene  # noqa: F401
from tests.compositions.stage import FILM, Stage
from tests.portal.sending import published, signed_in, upload

ADDRESS = "/portal/publish/composition"
TEXT = (
    "|sky: clouds @alice/sea/ink*0.8\r\n|people: lanterns @bob/night [box 0,0.5,1,1]\r\n- style: ink wash @mo/ink\r\n"
)


@pytest.fixture
def bob(scene: Stage) -> Client:  # noqa: F811
    return signed_in(scene.cast.bob.person)


def answers(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "recipe": TEXT,
        "own_share": "40",
        "handle": "pier-night",
        "version": "1.0.0",
        "title_en": "Night on the pier",
        "title_zh": "栈桥之夜",
        "tags": "night",
        "made_by": "human",
        "ai_training": "not-allowed",
        "cover": upload("cover.png", packs.picture("#224466")),
        "offer-studio-price": "60",
        "offer-studio-currency": "USD",
        "currency": "USD",
    }
    return {key: value for key, value in (given | changes).items() if value is not None}


def test_bob_publishes_a_recipe_as_a_pack(scene: Stage, bob: Client, django_assert_max_num_queries: Any) -> None:  # noqa: F811
    assert "Compose a recipe" in bob.get("/portal/publish").content.decode()
    with django_assert_max_num_queries(25):
        preview = bob.post(ADDRESS, answers(preview="1", handle="", cover=None))
    page = preview.content.decode()
    assert preview.status_code == 200
    assert Submission.objects.filter(pack__handle="pier-night").count() == 0
    # What each pack gets of a sale, and what Bob does: his 40 %, and what his night gets.
    for words in ("20.8695652%", "13.0434783%", "26.0869565%", "53.0434783%"):
        assert words in page

    release = published(bob, answers(unit="image", fees="mo/ink 0.02\r\n\r\n@alice/sea 0.01"), ADDRESS)

    facts = facts_of([release])[release.pk]
    assert (str(release), release.pack.kind, facts["unit"]) == ("bob/pier-night@1.0.0", "composition", "image")
    assert {row["release"]: row["amount_minor"] for row in facts["fees"]} == {
        scene.ink.digest: 2,
        scene.sea_11.digest: 1,
    }
    assert [(one.terms.name, one.price_minor) for one in Offer.objects.filter(release=release)] == [("studio", 6_000)]
    with django_assert_max_num_queries(40):
        shown = Client().get("/packs/bob/pier-night").content.decode()
    assert "What it is composed of" in shown
    assert '<a class="btn small" href="/compose?from=bob/pier-night">' in shown
    assert "by the weight and the area of each layer" in shown
    assert "34.7826087%" in shown
    assert "$0.02" in shown
    assert "Night on the pier" in Client().get("/browse?kind=composition").content.decode()
    assert "Sea of Clouds" not in Client().get("/browse?kind=composition&q=栈桥").content.decode().split("<main")[1]


def test_a_lock_is_the_start_for_those_of_its_studio(scene: Stage, bob: Client) -> None:  # noqa: F811
    cast = scene.cast
    lock = scene.lock(TEXT.replace("\r\n", "\n"), use=FILM, title="Pier")
    address = f"{ADDRESS}?lock={lock.digest}"
    become_creator(person=cast.carol, handle="carol", now=NOON)
    carol = signed_in(cast.carol)

    page = carol.get(address).content.decode()

    assert "|sky: clouds @alice/sea/ink:1.1.0*0.8\n" in page
    assert "This starts from your lock “Pier”" in page
    assert "13.0434783%" in page
    assert 'value="Pier"' in page
    assert bob.get(address).status_code == 404
    assert bob.get(f"{ADDRESS}?lock=nothing").status_code == 404
    assert signed_in(cast.dave).get(address).status_code == 302  # no creator: led to where one becomes one
    assert Client().get(address)["Location"].startswith("/sign-in")


def refusal(bob: Client, **changes: Any) -> str:
    before = Submission.objects.count()
    answer = bob.post(ADDRESS, answers(**changes))
    assert answer.status_code == 422
    assert Submission.objects.count() == before
    return answer.content.decode()


def test_what_stands_in_the_way_is_said_where_it_is(scene: Stage, bob: Client) -> None:  # noqa: F811
    assert "A recipe is missing" in refusal(bob, recipe="")
    assert "Line 2, column 7: There is no pack alice/see." in refusal(bob, recipe="# x\n|sky: @alice/see\n")
    assert "Line 1, column 1: " in refusal(bob, recipe="sky")
    for share in ("0", "100", "x", ""):
        assert 'id="id_own_share_error"' in refusal(bob, own_share=share)
    assert "A cover is missing" in refusal(bob, cover=None)
    assert "is not a price in USD" in refusal(bob, fees="mo/ink much", unit="image")
    assert "Say for which unit the fees are" in refusal(bob, fees="mo/ink 0.02")
    assert "is for no release of this composition" in refusal(bob, fees="zhao/ink 0.02", unit="image")
    page = refusal(bob, handle="No Slug", recipe=TEXT)
    assert "cannot be a pack&#x27;s handle" in page
    assert 'id="id_handle_error"' in page
    scene.withdraw(scene.ink)
    assert "The layer “style”: mo/ink@1.0.0 has no offer to rely on" in refusal(bob)


def test_the_packs_of_a_composition_may_have_absolute_shares(scene: Stage, bob: Client) -> None:  # noqa: F811
    preview = bob.post(ADDRESS, answers(preview="1", handle="", cover=None, mode="absolute"))
    page = preview.content.decode()
    assert preview.status_code == 200
    assert "Paid first, since they have absolute shares:" in page
    assert '<span class="mono">mo/ink@1.0.0</span> 26.0869565%' in page

    release = published(bob, answers(mode="absolute"), ADDRESS)

    assert {link.mode for link in release.parents.all()} == {"absolute"}
    assert sorted(row.share_ppb for row in release.division.absolute.all()) == [130_434_783, 208_695_652, 260_869_565]
    # Each has of this sale what it would have of a relative share, since nothing else is absolute here.
    assert {row.payee.handle: row.share_ppb for row in release.split.shares.select_related("payee")} == {
        "alice": 208_695_652,
        "bob": 400_000_000 + 130_434_783,
        "mo": 260_869_565,
    }
