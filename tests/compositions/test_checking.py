"""Carol writes a recipe, and is told layer by layer what she holds, what it costs, and what would help."""

from dataclasses import replace
from typing import Any

from marketplace.checkout.asking import Ask
from marketplace.compositions.checking import Checked, check
from marketplace.compositions.checking_choice import names_of
from marketplace.compositions.notation.document import from_document, to_document
from marketplace.compositions.notation.reading import read
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import GrantStatus
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.ui.formats import sentence
from tests.cast import later
from tests.compositions.stage import FILM, HOBBY, Stage


def _verdicts(checked: Checked) -> list[tuple[str, str]]:
    return [(one.layer.label, one.verdict) for one in checked.layers]


def _offers(checked: Checked) -> list[tuple[str, int]]:
    return [(one.offer.terms.name, one.priced.price_minor if one.priced else -1) for one in checked.missing]


def test_each_layer_has_its_verdict_and_its_price(scene: Stage, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(12):
        film = scene.check()
    assert _verdicts(film) == [("sky", "offered"), ("people", "offered"), ("style", "offered")]
    assert _offers(film) == [("studio", 10_001)] * 3
    assert (film.prices, film.currency, film.base_model) == ((("USD", 30_003),), "USD", "sd15")
    assert [ref.share_ppb for ref in film.refs] == [400_000_000, 200_000_000, 400_000_000]
    assert (film.allowed, film.licensed) == (True, False)
    # A visitor is told the same, and a hobby costs nothing.
    assert scene.check(studio=None).prices == film.prices
    hobby = scene.check(use=HOBBY)
    assert (_offers(hobby), hobby.prices) == ([("personal", 0)] * 3, ())
    # Once bought, a pack is licensed wherever it is painted; her own words never need a license.
    (grant,) = scene.buy(scene.offer(scene.sea, "studio"))
    mixed = scene.check("|a: x @alice/sea:1.0.0\n|b: y @alice/sea\n|c: y @ALICE/sea:^1.1*0.5\n|d: a lantern\n")
    assert _verdicts(mixed) == [("a", "licensed"), ("b", "offered"), ("c", "offered"), ("d", "own")]
    assert mixed.refs[0].grant == grant
    assert [(one.layers, one.offer.release) for one in mixed.missing] == [(("b", "c"), scene.sea_11)]
    assert mixed.prices == (("USD", 10_001),)
    # What she holds already is told beside the newer version that costs.
    (held,) = mixed.refs[1].fixes
    assert (held.kind, held.prices) == ("version", ())
    assert [(swap.layer, swap.pack) for swap in held.swaps] == [("b", "alice/sea@1.0.0"), ("c", "alice/sea@1.0.0")]
    # What programs send as JSON is checked as its text would be, with the places of that.
    sent = from_document(to_document(read("|a:   x    @alice/sea:1.0.0\n# no line of JSON\n|b: y @bob/nigh")))
    found = check(sent, use=FILM, studio=scene.cast.studio, now=later(hours=2))
    assert [(one.line, one.column, one.code, one.suggestion) for one in found.problems] == [
        (2, 7, "unknown-pack", "@bob/night")
    ]
    assert _verdicts(found) == [("a", "licensed"), ("b", "refused")]
    assert found.refs[1].findings == found.findings
    unreadable = scene.check("|a: x @\n|b: y")
    assert ([one.line for one in unreadable.findings], unreadable.layers, unreadable.allowed) == ([1], (), False)
    # Nobody else has it from her.
    dave = scene.check("|a: x @alice/sea:1.0.0", studio=scene.cast.daves_studio)
    assert _verdicts(dave) == [("a", "offered")]


def test_what_is_refused_says_which_layer_why_and_what_would_help(scene: Stage) -> None:
    open_sea = scene.publish(scene.cast.bob, "open", kind="world", seed=21, offers=(("cc-by-4.0", "7", "USD"),))
    refused = scene.check("|sky: clouds\n|sea: waves @alice/sea*0.5", use=replace(FILM, revenue_usd=5_000_000))
    assert _offers(refused) == [("enterprise", 90_000)]
    big = replace(FILM, redistribution="raw")
    refused = scene.check("|sky: clouds\n|sea: waves @alice/sea*0.5", use=big)
    assert _verdicts(refused) == [("sky", "own"), ("sea", "refused")]
    (problem,) = refused.problems
    assert (problem.line, problem.column, problem.code) == (2, 13, "redistribution-not-allowed")
    assert sentence(problem).startswith("sea says “")
    kinds = {one.kind: one for one in refused.refs[0].fixes}
    assert kinds["pack"].prices == (("USD", 700),)
    assert [(one.pack, one.offer and one.offer.release) for one in kinds["pack"].swaps] == [
        ("bob/open@1.0.0", open_sea)
    ]
    assert kinds["request"].prices == (("USD", 10_001),)
    assert kinds["request"].use.redistribution == "in-product"
    assert not refused.missing
    # Withdrawn from sale: refused, unless it is held or an older version will do.
    (grant,) = scene.buy(scene.offer(scene.night, "studio"))
    scene.withdraw(scene.night)
    scene.withdraw(scene.sea_11)
    text = "|a: x @bob/night\n|b: y @alice/sea\n|c: z @alice/sea:1.1.0"
    mine, daves = scene.check(text), scene.check(text, studio=scene.cast.daves_studio)
    assert _verdicts(mine) == [("a", "licensed"), ("b", "offered"), ("c", "refused")]
    assert mine.refs[1].release == scene.sea
    assert [reason.code for reason in mine.refs[2].reasons] == ["not-sold"]
    assert [(fix.kind, [swap.pack for swap in fix.swaps]) for fix in mine.refs[2].fixes] == [
        ("version", ["alice/sea@1.0.0"]),
        ("pack", ["bob/open@1.0.0"]),
    ]
    assert _verdicts(daves)[0] == ("a", "refused")
    # A license that was taken back, or that is for another project, does not count.
    licensing.set_status(grant=grant, status=GrantStatus.REVOKED, reason="disputed", now=later(hours=1))
    assert [reason.code for reason in scene.check(text).refs[0].reasons] == ["revoked"]
    film = licensing.open_project(studio=scene.cast.studio, by=scene.cast.carol, name="Film", now=later(hours=1))
    scene.buy(Ask(scene.offer(scene.ink, "studio"), project=film))
    assert _verdicts(scene.check("|a: x @mo/ink")) == [("a", "offered")]
    assert _verdicts(scene.check("|a: x @mo/ink", project=film)) == [("a", "licensed")]


def test_what_is_free_is_taken_in_whichever_currency(scene: Stage) -> None:
    scene.offering(scene.ink, "studio", 900, "CNY")
    scene.offering(scene.ink, "enterprise", 0, "JPY", model="free")

    found = scene.check("- style: ink @mo/ink\n|a: words\n")

    assert [(one.offer.terms.name, one.priced.price_minor) for one in found.missing] == [("enterprise", 0)]  # type: ignore[union-attr]
    assert dict(scene.check().prices).keys() <= {"USD", "JPY"}


def test_prices_of_all_kinds(scene: Stage) -> None:
    scene.offering(scene.sea_11, "studio", 2_000, "CNY", model="per-seat")
    metered = scene.offering(scene.night, "studio", 7, model="metered", unit="image")
    scene.offering(scene.ink, "enterprise", 0, "EUR", model="on-request")
    # By seat it costs so much for each of her five people; in yuan there is one pack only.
    yuan = scene.check(currency="CNY")
    assert yuan.prices == (("CNY", 10_000), ("USD", 20_002))
    assert [one.seats for one in yuan.missing] == [5, 0, 0]
    # A price that is known comes before what is billed later, unless she prefers that.
    assert _offers(scene.check()) == [("studio", 10_001)] * 3
    preferred = scene.check(prefer=[metered.pk])
    assert preferred.missing[1].offer == metered
    assert (preferred.missing[1].priced.price_minor, preferred.missing[1].priced.unit_minor) == (0, 7)
    licensing.withdraw_offer(offer=scene.offer(scene.ink, "studio"), now=later(minutes=40))
    licensing.withdraw_offer(
        offer=next(one for one in scene.ink.offers.all() if one.terms.name == "enterprise" and one.currency == "USD"),
        now=later(minutes=40),
    )
    asked = scene.check()
    assert (asked.missing[2].needs_quote, asked.missing[2].priced, asked.prices) == (True, None, (("USD", 20_002),))
    # A subscription that runs holds for a use without end: it renews itself.
    monthly = scene.offering(scene.night, "cc-by-4.0", 300, model="monthly")
    scene.buy(Ask(monthly, seats=5))
    assert _verdicts(scene.check("|a: x @bob/night", use=replace(FILM, starts="2026-11-22"))) == [("a", "licensed")]


def test_licenses_that_clash_and_what_others_have_exclusively(scene: Stage) -> None:
    provider = replace(READY["studio"], name="ours", output_owner="provider")
    for release in (scene.sea_11, scene.night):
        for offer in list(release.offers.all()):
            if offer.terms.name == "studio":
                licensing.withdraw_offer(offer=offer, now=later(minutes=1))
        licensing.offer(release=release, terms=provider, price=Money(4_000, "USD"), now=later(minutes=1))
    clashing = scene.check("|sky: x @alice/sea*0.5 @mo/ink\n|people: y @bob/night\n", use=replace(FILM, seats=3))
    assert _verdicts(clashing) == [("sky", "offered"), ("people", "offered")]
    assert [clash.code for clash in clashing.clashes] == ["clash-output-owner"]
    assert clashing.clashes[0].layers == ("people", "sky (alice/sea)")
    assert not clashing.allowed
    assert [(one.line, one.column, one.code) for one in clashing.problems] == [(2, 12, "clash-output-owner")]
    # The cheapest way out is the dearer license of one of the two.
    way_out = clashing.fixes[0]
    assert (way_out.kind, way_out.prices, len(way_out.swaps)) == ("offer", (("USD", 90_000),), 1)
    better = scene.check(
        "|sky: x @alice/sea*0.5 @mo/ink\n|people: y @bob/night\n",
        use=replace(FILM, seats=3),
        prefer=[swap.offer.pk for swap in way_out.swaps if swap.offer],
    )
    assert better.allowed
    # Dave has Mo's ink exclusively: Carol cannot buy it, and nobody says who has it.
    exclusive = scene.offering(scene.ink, "exclusive", 100_000)
    licensing.take_exclusivity(
        offer=exclusive,
        studio=scene.cast.daves_studio,
        source="order-line:dave",
        starts_at=later(hours=1),
        ends_at=None,
        now=later(hours=1),
    )
    taken = scene.check("|a: x @mo/ink")
    assert [reason.code for reason in taken.refs[0].reasons] == ["exclusivity-taken"]
    assert "Quill" not in sentence(taken.refs[0].reasons[0])
    assert _verdicts(scene.check("|a: x @mo/ink", studio=scene.cast.daves_studio)) == [("a", "offered")]
    # Reasons call a pack by its layers, and by itself where that is not enough.
    pairs = [("a", scene.sea), ("a", scene.sea_11), ("b", scene.night), ("c", scene.ink), ("d", scene.night)]
    assert list(names_of([*pairs, ("e", scene.night), ("f", scene.night)]).values()) == [
        *("a (alice/sea@1.0.0)", "a (alice/sea@1.1.0)", "b + d + e + …", "c"),
    ]
