"""The offers of a pack.toml: terms by name, as a table or from other people's licenses, and prices of every model."""

import json
from pathlib import Path
from typing import Any

import pytest

from marketplace.catalog.operations import UnableToPublish
from marketplace.catalog.rules import Draft
from marketplace.intake import operations
from marketplace.intake.pricing import losses_of, priced, with_files
from marketplace.intake.publishing import UnableToReadFolder
from marketplace.intake.rules import DraftOffer, UnreadablePack, parse_pack, read_pack, write_pack
from marketplace.licensing.models import Offer
from marketplace.licensing.months import NO_LIMITS, MonthLimits
from marketplace.licensing.pricing import Tier
from marketplace.licensing.terms.document import read_terms
from marketplace.licensing.terms.model import only
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.ui.formats import sentence
from tests import packs
from tests.cast import NOON, Cast
from tests.intake.stage import examined, hand_in, traces

DRAFT = Draft("clouds", "1.0.0", "world", {"en": "Clouds"}, {}, (), "cover.png")
CURRENCY = 'currency = "USD"'


def read(*offers: str) -> list[DraftOffer]:
    """Reads a pack.toml with these offers."""
    head = 'format = "worldloom/pack/1"\nhandle = "clouds"\nversion = "1.0.0"\nkind = "world"\ncover = "c.png"\n'
    head += 'title = { en = "Clouds" }\n[[files]]\npath = "c.png"\n'
    _draft, read_ = parse_pack(head + "".join(f"[[offers]]\n{offer}\n{CURRENCY}\n" for offer in offers))
    return read_


def wrong(*offers: str) -> list[tuple[str, str]]:
    with pytest.raises((UnreadablePack, UnableToPublish)) as refused:
        priced(DRAFT, read(*offers))
    return [(finding.where, sentence(finding)) for finding in refused.value.findings]


def test_every_model_is_written_as_it_reads() -> None:
    found = priced(
        DRAFT,
        read(
            'terms = "studio"\nprice = "12.00"',
            'terms = "studio"\nmodel = "per-seat"\nprice = "9.00"\n'
            'tiers = [{ up_to_people = 5, price = "4.00" }, { up_to_revenue_usd = 100_000, price = "6.50" }]',
            'terms = "studio"\nmodel = "monthly"\nprice = "3.00"',
            'terms = "studio"\nmodel = "metered"\nunit = "minute of film"\nprice = "1.50"\n'
            'month_minimum = "5.00"\nmonth_cap = "99.00"',
            'terms = "studio"\nmodel = "revenue-share"\nshare_ppb = 50_000_000\nprice = "0.00"',
            'terms = "cc-by-4.0"\nmodel = "free"',
            'terms = "personal"\nmodel = "pay-what-you-want"\nminimum = "2.00"',
            'terms = "exclusive"\nmodel = "on-request"',
        ),
    )
    assert [(row.terms.name, row.model, row.price) for row in found] == [
        ("studio", "one-off", Money(1200, "USD")),
        ("studio", "per-seat", Money(900, "USD")),
        ("studio", "monthly", Money(300, "USD")),
        ("studio", "metered", Money(150, "USD")),
        ("studio", "revenue-share", Money(0, "USD")),
        ("cc-by-4.0", "free", Money(0, "USD")),
        ("personal", "pay-what-you-want", Money(200, "USD")),
        ("exclusive", "on-request", Money(0, "USD")),
    ]
    assert found[1].tiers == (Tier(5, 0, 400), Tier(0, 100_000, 650))
    assert (found[3].unit, found[4].share_ppb) == ("minute of film", 50_000_000)
    assert [row.month for row in found[2:5]] == [NO_LIMITS, MonthLimits(500, 9_900), NO_LIMITS]


def test_terms_are_a_table_of_changes_to_ready_made_ones() -> None:
    (found,) = priced(
        DRAFT,
        read(
            'price = "12.00"\nterms = { base = "studio", seats = 5, territory = { only = ["CN"] }, ends = 2027-01-31 }'
        ),
    )
    assert (found.terms.seats, found.terms.territory, found.terms.ends) == (5, only("CN"), "2027-01-31")
    assert found.terms.commercial == "limited"
    assert found.terms.name.startswith("studio-")


def test_a_draft_is_kept_as_json_and_read_back_as_the_same(tmp_path: Path) -> None:
    draft, _offers = operations.read_folder(packs.write(tmp_path / "p", handle="clouds"))
    offers = read(
        'price = "12.00"\nterms = { base = "studio", ends = 2027-01-31, territory = { only = ["CN"] } }',
        'terms = "studio"\nmodel = "per-seat"\nprice = "9.00"\ntiers = [{ up_to_people = 5, price = "4.00" }]',
        'terms = "studio"\nmodel = "metered"\nunit = "minute"\nprice = "1.50"\nmonth_cap = "9.00"',
        'terms = "studio"\nmodel = "revenue-share"\nshare_ppb = 5\nprice = "0.00"',
        'terms = { from = "spdx", id = "CC-BY-4.0" }\nmodel = "free"',
    )
    assert read_pack(json.loads(json.dumps(write_pack(draft, offers)))) == (draft, offers)
    assert write_pack(draft, read('terms = "studio"\nprice = "1.00"'))["offers"] == [
        {"terms": "studio", "price": "1.00", "currency": "USD"}
    ]


@pytest.mark.parametrize(
    ("offer", "where", "said"),
    [
        ('terms = "studio"\nprize = "12.00"\nprice = "1"', "offers[1].prize", "means nothing in a pack.toml"),
        ('terms = "studio"', "offers[1]", "“offers[1].price” is missing."),
        ('terms = "studio"\nmodel = "pay-what-you-want"', "offers[1]", "“offers[1].minimum” is missing."),
        ('terms = "studio"\nminimum = "1.00"', "offers[1]", "whose model is “pay-what-you-want”, and of no other"),
        ('terms = 5\nprice = "1.00"', "offers[1].terms", "“offers[1].terms” must be text or a table."),
        ('terms = "studio"\nprice = 12', "offers[1].price", "“offers[1].price” must be text."),
        ('terms = "studio"\nprice = "1.00"\nmodel = "weekly"', "offers", "“weekly” is no price model"),
        ('terms = "studio"\nprice = "1.00"\nmodel = "free"', "offers", "What is free or on request has no price"),
        ('terms = "studio"\nprice = "1.00"\nmodel = "metered"', "offers", "needs the unit"),
        ('terms = "studio"\nprice = "1.00"\nunit = "minute"', "offers", "needs the unit"),
        ('terms = "studio"\nprice = "1.00"\nshare_ppb = 5', "offers", "Only a share of revenue has a share"),
        ('terms = "studio"\nprice = "1.00"\nshare_ppb = true', "offers[1].share_ppb", "must be a whole number"),
        ('terms = "studio"\nprice = "1.005"', "offers", "The price of “studio” cannot be read"),
        ('terms = "studio"\nprice = "1.00"\nmonth_cap = "5.00"', "offers", "Only a metered price has a least"),
        ('terms = "studio"\nprice = "1.00"\nmonth_cap = 5', "offers[1].month_cap", "must be text"),
        ('terms = "studio"\nprice = "1.00"\ntiers = [5]', "offers[1].tiers[1]", "must be a table"),
        ('terms = "studio"\nprice = "1.00"\ntiers = [{ price = "1" }]', "offers", "A tier needs a limit"),
        (
            'terms = "studio"\nprice = "1.00"\ntiers = [{ people = 5, price = "1" }]',
            "offers[1].tiers[1].people",
            "means nothing",
        ),
        ('terms = { base = "studio", seat = 5 }\nprice = "1.00"', "offers", "is “seats” meant?"),
        ('terms = { base = "studios" }\nprice = "1.00"', "offers", "“studios” names no terms"),
        ('terms = { base = "studio", territory = ["XX"] }\nprice = "1.00"', "offers", "“XX” is no word that it knows"),
        ('terms = { commercial = "full" }\nprice = "1.00"', "offers", "allow nothing"),
        ('terms = { from = "spdx", id = "CC-BY-9" }\nprice = "1.00"', "offers", "CC-BY"),
        ('terms = { from = "gpl", id = "x" }\nprice = "1.00"', "offers", "“from” must be one of spdx"),
        ('terms = { from = "pil", file = "l.json" }\nprice = "1.00"', "offers", "There is no file l.json"),
        ('terms = { from = "spdx", id = "MIT", seats = 5 }\nprice = "1.00"', "offers", "one thing more"),
        ("terms = " + "{ a = " * 20 + "1" + " }" * 20 + '\nprice = "1.00"', "offers[1]", "deeper than any terms"),
    ],
)
def test_what_cannot_be_sold_says_where_and_why(offer: str, where: str, said: str) -> None:
    found = wrong(offer)
    assert [place for place, _text in found] == [where], found
    assert said in found[0][1]


def test_the_same_terms_twice_are_found_however_they_are_written() -> None:
    assert wrong('terms = "studio"\nprice = "1.00"', 'terms = { base = "studio" }\nprice = "2.00"') == [
        ("offers", "The offers name “studio” in USD twice: keep one price.")
    ]
    assert (
        len(priced(DRAFT, read('terms = "studio"\nprice = "1"', 'terms = "studio"\nprice = "1"\nmodel="yearly"'))) == 2
    )


def test_several_mistakes_are_told_together() -> None:
    found = wrong('terms = { base = "studio", seat = 5, ends = "soon" }\nprice = "x"', 'terms = "studio"\nprice = "y"')
    assert len(found) == 3


def pack(folder: Path, offer: str) -> Path:
    packs.write(folder, handle="clouds", offers=())
    with (folder / "pack.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[[offers]]\n{offer}\n{CURRENCY}\n")
    return folder


def test_a_public_license_becomes_terms_and_what_was_lost_is_told(cast: Cast, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p", 'terms = { from = "spdx", id = "CC-BY-4.0" }\nmodel = "free"')
    submission = examined(hand_in(cast.alice, folder))
    assert submission.release is not None, submission.findings
    (offer,) = Offer.objects.filter(release=submission.release)
    terms = read_terms(bytes(offer.terms.document))
    assert (terms.commercial, terms.derivatives, terms.credit_required) == ("full", "share", True)
    assert terms.ai_training == "none"  # the release does not consent
    _draft, offers = read_pack(submission.pack)
    assert all(sentence(one) for one in losses_of(offers))


PIL: dict[str, Any] = {
    "transferable": True,
    "commercialUse": True,
    "derivativesAllowed": True,
    "derivativesAttribution": True,
    "commercialRevShare": 5_000_000,
}


def test_a_license_file_beside_the_pack_is_read(cast: Cast, tmp_path: Path) -> None:
    folder = pack(tmp_path / "p", 'terms = { from = "pil", file = "license.json" }\nprice = "12.00"')
    (folder / "license.json").write_text(json.dumps(PIL), encoding="utf-8")
    release = operations.publish_folder(folder=folder, creator=cast.alice, now=NOON)
    terms = read_terms(bytes(release.offers.get().terms.document))
    assert (terms.commercial, terms.derivatives, terms.royalty_ppb) == ("full", "share", 50_000_000)
    assert {file.path for file in release.assets.all()} == {"cover.png", "style.safetensors", "prompts.txt"}


@pytest.mark.parametrize("name", ["../outside.json", "/etc/hostname", "missing.json"])
def test_a_license_file_is_inside_the_folder(cast: Cast, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(PIL), encoding="utf-8")
    folder = pack(tmp_path / "p", f'terms = {{ from = "pil", file = "{name}" }}\nprice = "12.00"')
    before = traces()
    with pytest.raises((UnableToPublish, UnableToReadFolder)) as refused:
        operations.publish_folder(folder=folder, creator=cast.alice, now=NOON)
    assert f"There is no file {name}" in str(refused.value)
    assert traces() == before


def test_a_program_says_the_license_itself() -> None:
    (row,) = read(
        'terms = { from = "pil", license = { commercialUse = true, derivativesAllowed = true } }\nprice = "1"'
    )
    assert priced(DRAFT, [row])[0].terms.commercial == "full"
    text = json.dumps(PIL)
    (named,) = read('terms = { from = "pil", file = "a.json" }\nprice = "1"')
    (filled,) = with_files([named], {"a.json": text.encode()}.get)
    assert filled.terms == {"from": "pil", "license": text}
    assert priced(DRAFT, [filled])[0].terms.royalty_ppb == 50_000_000


def test_ready_made_terms_by_name_stay_one_word() -> None:
    assert [priced(DRAFT, read(f'terms = "{name}"\nprice = "1.00"'))[0].terms for name in READY] == [*READY.values()]
