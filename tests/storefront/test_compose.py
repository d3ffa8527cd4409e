"""Composing: what a recipe may be used for, layer by layer, while it is written; by anybody, and by Carol's studio."""

import io
import json
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from marketplace.checkout.charges import RecipeQuote
from marketplace.compositions.models import Recipe, RecipeLock, RecipeMask
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import Grant
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.operations import declare_size
from tests.cast import PASSWORD, later, person
from tests.compositions.composed import compose
from tests.compositions.stage import THREE, Stage
from tests.packs import picture
from tests.storefront.composing import FILM_ASKED, about, buttons, composed, shown, text_in
from tests.storefront.market import browser_of


def _half() -> bytes:
    image = Image.new("L", (64, 64), 0)
    image.paste(255, (0, 0, 32, 64))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _nothing_is_kept() -> bool:
    return not any(kind.objects.exists() for kind in (Recipe, RecipeLock, RecipeMask, RecipeQuote, Grant))


def test_anybody_composes_and_sees_each_layers_verdict_price_and_share(scene: Stage) -> None:
    nobody = Client()
    said = about(nobody.get("/compose", {"text": THREE}))  # type: ignore[arg-type]
    assert "3 licenses are missing: Free. 3 layers." in said
    assert "Sea of Clouds To be licensed Alice · 1.1.0 · 40% of what the picture earns Free · Personal" in said
    assert "a box 0% 50% 100% 100% · 50% of the picture" in said
    assert "Style ink wash" in said
    assert "Sign in to quote it" in said
    assert "The makers of sky are credited." in said
    film = about(composed(nobody, THREE))
    assert "3 licenses are missing: $300.03. 3 layers." in film
    assert film.count("$100.01 one payment · Studio") == 3
    assert "Night Market Studio · for people $100.01 one payment" in film
    # Her own words need no license, and an unreadable text says where.
    assert "Your own words" in about(composed(nobody, "|a: a lantern"))
    assert "no license is needed" in about(composed(nobody, "|a: a lantern"))
    wrong = about(composed(nobody, "|a: x @\n|b: y"))
    assert "To be mended in the text Line 1, column 7" in wrong
    assert "To be licensed" not in wrong
    assert _nothing_is_kept()


def test_carol_is_told_what_she_holds_and_led_to_a_quote_or_a_lock(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    answer = composed(carol, THREE)
    assert "Quote this recipe The prices are kept for 30 minutes. Nothing is charged yet." in about(answer)
    assert "Lock it" not in about(answer)
    (grant,) = scene.buy(scene.offer(scene.sea, "studio"))
    held = composed(carol, "|a: x @alice/sea:1.0.0\n|b: y @bob/night")
    assert "Sea of Clouds Licensed" in about(held)
    assert f'href="/licenses/{grant.pk}"' in held.content.decode()
    assert "1 license is missing: $100.01. 2 layers." in about(held)
    mine = about(composed(carol, "|a: x @alice/sea:1.0.0"))
    assert "All is licensed. 1 layer." in mine
    assert "Lock it That fixes versions, files and licenses, and costs nothing." in mine
    assert "Quote this recipe" not in mine
    # A wider use than the license allows is refused, with its reason and the way out.
    wide = about(composed(carol, "|a: x @alice/sea:1.0.0", redistribution="raw"))
    assert "1 problem." in wide
    assert "Sea of Clouds Refused" in wide
    assert "Ask for less" in wide
    assert "Quote this recipe" not in wide


def test_what_is_missing_in_a_use_is_said_at_its_field(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    answer = carol.post("/compose", {"text": THREE, "commercial": "limited", "media": "video"})
    assert answer.status_code == 422
    assert "Choose at least one: what is for nothing cannot be judged." in shown(answer)  # type: ignore[arg-type]
    assert "Say how much the company takes in a year." in shown(answer)  # type: ignore[arg-type]
    assert text_in(answer) == THREE  # type: ignore[arg-type]
    assert "To be licensed" not in about(answer)  # type: ignore[arg-type]
    never = composed(carol, THREE, starts="2026-12-02", ends="2026-12-01")
    assert "The last day is before the first one." in shown(never)
    # What her studio says of its size is what is asked first.
    declare_size(studio=scene.cast.studio, by=scene.cast.carol, people=4, revenue_usd=90_000, now=later(hours=1))
    first = carol.get("/compose", {"text": THREE})
    assert 'value="90000"' in first.content.decode()
    assert "3 licenses are missing: $300.03." in about(first)  # type: ignore[arg-type]


def test_a_suggestion_is_written_where_it_belongs_and_nowhere_else(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    text = "|图层一：海 ＠ alice/see：^1＊0.5，夜\n|b: boats @bob/night"
    answer = composed(carol, text.replace("\n", "\r\n"))
    assert "Line 1, column 8" in about(answer)
    (mend,) = buttons(answer)
    assert json.loads(mend)["edits"] == [[1, 8, 18, "@alice/sea:^1*0.5"]]
    mended = composed(carol, text, apply=mend)
    assert text_in(mended) == "|图层一：海 @alice/sea:^1*0.5，夜\n|b: boats @bob/night"
    assert "2 licenses are missing" in about(mended)
    # Typed on meanwhile, the suggestion is for another text: nothing is changed, and it is said.
    other = composed(carol, f"# first\n{text}", apply=mend)
    assert text_in(other) == f"# first\n{text}"
    assert "The text has changed since this was suggested" in shown(other)
    for hostile in ("", "[]", "{", '{"of": 1}', mend.replace("[[1,", '[["1",'), "9" * 10_000):
        assert text_in(composed(carol, text, apply=hostile)) == text, hostile
    assert _nothing_is_kept()


def test_what_would_help_is_one_press_away(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    scene.buy(scene.offer(scene.sea, "studio"))
    # The version that she holds, in place of the newest; weight and element stay.
    text = "%@S = alice/sea/ink*0.5\n|a: x @S\n|b: y @alice/sea:^1.1"
    answer = composed(carol, text)
    assert "Another version of it" in about(answer)
    applied = composed(carol, text, apply=buttons(answer)[0])
    assert text_in(applied) == "%@S = alice/sea/ink*0.5\n|a: x @alice/sea/ink:1.0.0*0.5\n|b: y @alice/sea:1.0.0"
    assert "All is licensed. 2 layers." in about(applied)
    # Less asked for: the form then asks for that.
    refused = composed(carol, "|a: x @alice/sea:1.0.0", redistribution="raw", exclusive="on")
    less = next(one for one in buttons(refused) if "use" in json.loads(one))
    smaller = composed(carol, "|a: x @alice/sea:1.0.0", redistribution="raw", exclusive="on", apply=less)
    assert "All is licensed." in about(smaller)
    page = smaller.content.decode()
    assert '<option value="raw" selected>' not in page
    assert '<option value="limited" selected>' in page


def test_an_offer_that_ends_a_clash_is_taken_before_others(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    provider = replace(READY["studio"], name="ours", output_owner="provider")
    for release in (scene.sea_11, scene.night):
        licensing.withdraw_offer(offer=scene.offer(release, "studio"), now=later(minutes=1))
        licensing.offer(release=release, terms=provider, price=Money(4_000, "USD"), now=later(minutes=1))
    text = "|sky: x @alice/sea @mo/ink\n|people: y @bob/night"
    answer = composed(carol, text, seats="3")
    assert "These packs cannot be used together" in about(answer)
    assert "1 problem. 2 layers." in about(answer)
    assert "Quote this recipe" not in about(answer)
    assert "Another license of it $900.00" in about(answer)
    (take, *_others) = buttons(answer)
    ended = composed(carol, text, seats="3", apply=take)
    assert text_in(ended) == text
    assert "cannot be used together" not in about(ended)
    assert "3 licenses are missing: $1,040.01. 2 layers." in about(ended)
    assert "Quote this recipe" in about(ended)
    # An offer that is preferred stays so from one check to the next, also where it costs more.
    dear = scene.offer(scene.sea, "enterprise")
    preferred = composed(carol, "|a: x @alice/sea:1.0.0", prefer=str(dear.pk))
    assert "$900.00 one payment · Enterprise" in about(preferred)
    assert f'<input type="hidden" name="prefer" value="{dear.pk}">' in preferred.content.decode()
    for junk in ("x", "0", "00000000-0000-4000-8000-000000000000"):
        assert "$100.01" in about(composed(carol, "|a: x @alice/sea:1.0.0", prefer=junk))


def test_the_cards_are_fetched_as_somebody_types(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    part = carol.post("/compose/check", FILM_ASKED | {"text": THREE})
    assert part.status_code == 200
    assert part.content.decode().lstrip().startswith('<div class="stack" id="answer" data-readable="yes"')
    assert "<html" not in part.content.decode()
    half = carol.post("/compose/check", FILM_ASKED | {"text": "|a: x @alice/"}).content.decode()
    assert 'data-readable="no"' in half
    assert carol.get("/compose/check").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/compose/check", {"text": THREE}).status_code == 403
    assert _nothing_is_kept()


@pytest.mark.parametrize(
    ("text", "count", "said"),
    [
        ("|a: x\n" + "y" * (1024 * 1024), 1, "The recipe is longer than 1 MiB; part it into several."),
        ("\n".join(f"|layer{n}: x @alice/sea" for n in range(10_000)), 1, "more than 64 layers"),
        ("@" * 10_000, 1, "The line is longer than 4,000 characters"),
        ("|a: " + "{" * 3_000, 1, ""),
        ("|a: x\x00y", 1, "U+0000"),
    ],
)
def test_hostile_texts_get_one_clear_answer_at_once(scene: Stage, text: str, count: int, said: str) -> None:
    nobody = Client()
    began = process_time()
    answer = nobody.post("/compose/check", {"text": text})
    assert process_time() - began < 5
    assert answer.status_code == 200
    page = answer.content.decode()
    assert 'data-readable="no"' in page
    assert page.count("data-jump") >= count
    assert said.replace("4,000", "4000") in shown(answer) or said in shown(answer)  # type: ignore[arg-type]
    assert len(page) < 40_000


def test_what_is_too_large_to_be_sent_is_refused_before_it_is_read(scene: Stage) -> None:
    assert Client().post("/compose/check", {"text": "x" * 3_000_000}).status_code == 400


def test_what_stands_behind_an_at_is_completed(scene: Stage) -> None:
    nobody = Client()

    def offered(q: str, after: str = "") -> Any:
        return nobody.get("/compose/complete", {"q": q, "after": after}).json()

    packs = offered("|sky: clouds @ali")
    assert [one["text"] for one in packs["choices"]] == ["alice/sea"]
    assert (packs["kind"], packs["before"], packs["after"]) == ("ref", 3, 0)
    assert packs["choices"][0]["title"] == "Sea of Clouds"
    assert packs["choices"][0]["note"] == "World · Alice"
    # Full-width signs too; what stands behind the caret is replaced with the rest of the name.
    wide = offered("｜图层一：云海＠alice/s", "ee ，夜")
    assert ([one["text"] for one in wide["choices"]], wide["before"], wide["after"]) == (["alice/sea"], 7, 2)
    assert [one["text"] for one in offered("|a: @alice/sea/")["choices"]] == ["alice/sea/ink"]
    assert [one["text"] for one in offered("|a: x {str")["choices"]] == ["strength"]
    assert "seed" in [one["text"] for one in offered("%se")["choices"]]
    assert offered("|a: x [bo")["choices"] == [{"text": "box", "title": "", "note": ""}]
    assert [one["text"] for one in offered("sea")["choices"]] == ["alice/sea"]
    for hostile in ("", "\x00@\x00", "@" * 100_000, "# @ali", "@a/b/c/d/e", "@ali\n@x"):
        assert nobody.get("/compose/complete", {"q": hostile}).status_code == 200, hostile


def test_the_picture_of_a_mask_is_measured_and_stays(scene: Stage) -> None:
    carol = browser_of(scene.cast.carol)
    text = "|sky: clouds @alice/sea [mask 左 half.png]\n|people: @bob/night"
    before = about(composed(carol, text))
    assert "左 half.png not chosen yet: it counts as the whole picture" in before
    chosen = {"mask-name-0": "左 half.png", "mask-file-0": SimpleUploadedFile("x.png", _half(), "image/png")}
    answer = composed(carol, text, **chosen)
    (mask,) = RecipeMask.objects.all()
    assert mask.area_ppm == 500_000
    assert "左 half.png white in 50% of it" in about(answer)
    assert "where 左 half.png is white · 50% of the picture" in about(answer)
    kept = f"{mask.sha256} 左 half.png"
    assert f'<input type="hidden" name="mask" value="{kept}">' in answer.content.decode()
    # It stays while the text cannot be read, and counts again when it can.
    assert kept in composed(carol, "|sky: [", mask=kept).content.decode()
    assert "33.33% of what the picture earns" in about(composed(carol, text, mask=kept))
    # What is no picture, or black, is refused with its name; nothing is kept.
    wrong = {"mask-name-0": "左 half.png", "mask-file-0": SimpleUploadedFile("x.png", b"no picture")}
    assert "左 half.png: The picture cannot be a mask" in about(composed(carol, text, **wrong))
    gone = "ab" * 32 + " 左 half.png"
    assert "There is no mask with the SHA-256 that you give for 左 half.png." in about(composed(carol, text, mask=gone))
    for junk in ("x", "zz" * 32 + " a.png", "ab" * 32 + " a\nb.png", ""):
        assert composed(carol, text, mask=junk).status_code == 200
    assert RecipeMask.objects.count() == 1
    # Nobody's pictures are kept.
    nobody = {"mask-name-0": "左 half.png", "mask-file-0": SimpleUploadedFile("y.png", picture(size=(32, 32)))}
    assert "Sign in to choose it" in about(composed(Client(), text, **nobody))
    assert RecipeMask.objects.count() == 1


def test_signing_in_brings_the_text_along(scene: Stage) -> None:
    nobody = Client()
    answer = nobody.post("/compose/sign-in", FILM_ASKED | {"text": f"{THREE}# 我的\n"})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in?next=/compose%3Fdraft%3D1")
    signed = nobody.post(answer["Location"], {"email": "carol@example.com", "password": PASSWORD})
    assert signed["Location"] == "/compose?draft=1"
    page = nobody.get("/compose?draft=1")
    assert text_in(page) == f"{THREE}# 我的\n"  # type: ignore[arg-type]
    assert "3 licenses are missing: $300.03." in about(page)  # type: ignore[arg-type]
    # Another browser has no draft: it sees the example.
    assert "# 我的" not in text_in(Client().get("/compose?draft=1"))  # type: ignore[arg-type]
    assert _nothing_is_kept()


def test_a_page_begins_with_what_is_here(scene: Stage) -> None:
    nobody = Client()
    example = nobody.get("/compose")
    assert "@alice/sea" in text_in(example)  # type: ignore[arg-type]
    assert "@mo/ink" in text_in(example)  # type: ignore[arg-type]
    assert "3 licenses are missing: Free." in about(example)  # type: ignore[arg-type]
    pack = nobody.get("/packs/alice/sea").content.decode()
    assert 'href="/compose?pack=alice/sea"' in pack
    assert 'href="/compose?pack=alice/sea&amp;element=ink"' in pack
    assert text_in(nobody.get("/compose?pack=alice/sea")) == "|layer1: a traveler in a red cloak @alice/sea\n"  # type: ignore[arg-type]
    styled = text_in(nobody.get("/compose?pack=mo/ink"))  # type: ignore[arg-type]
    assert styled == "|layer1: a traveler in a red cloak\n- style: soft light @mo/ink\n"
    element = text_in(nobody.get("/compose?pack=alice/sea&element=ink"))  # type: ignore[arg-type]
    assert "@alice/sea/ink" in element
    assert "@alice/sea\n" in text_in(nobody.get("/compose?pack=alice/sea&element=no"))  # type: ignore[arg-type]
    for lost in ("pack=alice/none", "pack=%00", "pack=", "from=alice/sea", "from=x"):
        assert nobody.get(f"/compose?{lost}").status_code == 404, lost
    # The recipe of a composition that is sold opens with the very versions that are in it.
    compose(scene.cast.bob)
    opened = text_in(nobody.get("/compose?from=bob/pier-night"))  # type: ignore[arg-type]
    assert opened.startswith("# worldloom/recipe/1\n%seed=7\n|pier: a pier above the clouds @alice/sea/ink:1.1.0*0.8\n")
    assert 'href="/compose?from=bob/pier-night"' in nobody.get("/packs/bob/pier-night").content.decode()
    assert "Use in a recipe" not in nobody.get("/packs/bob/pier-night").content.decode()


@pytest.mark.django_db
def test_where_nothing_is_on_sale_the_example_is_of_ones_own_words() -> None:
    example = Client().get("/compose")
    assert "@" not in text_in(example).partition("\n")[2]  # type: ignore[arg-type]
    assert "no license is needed" in about(example)  # type: ignore[arg-type]


def test_somebody_without_a_studio_is_told_how_to_get_one(scene: Stage) -> None:
    erin = browser_of(person("erin"))
    answer = composed(erin, THREE)
    way = "Licenses are held by studios: open one, or ask the owner of yours for a seat. Studio console"
    assert way in about(answer)
    assert "Quote this recipe" not in about(answer)
    # Dave's studio cannot be asked for by Carol: it is none of hers.
    carol = browser_of(scene.cast.carol)
    strange = composed(carol, THREE, studio=str(scene.cast.daves_studio.pk))
    assert strange.status_code == 422
    assert "To be licensed" not in about(strange)


def test_composing_asks_the_database_few_questions(
    scene: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    carol = browser_of(scene.cast.carol)
    scene.buy(scene.offer(scene.sea, "studio"))
    text = THREE + "|a: x @alice/sea:1.0.0\n|b: y @alice/see\n|c: z @bob/nigt\n|d: @mo/ink:9"
    for address in ("/compose", "/compose/check"):
        with django_assert_max_num_queries(25, info=address):
            assert carol.post(address, FILM_ASKED | {"text": text}).status_code == 200
    with django_assert_max_num_queries(25):
        assert carol.get("/compose").status_code == 200
