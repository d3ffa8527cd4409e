"""The operator and Alice without a browser: cases are listed and settled, offers signed, licenses shown."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from marketplace.checkout import chain_sales
from marketplace.checkout.models import ChainSale
from marketplace.licensing import operations as licensing
from marketplace.licensing.models import ChainOffer
from tests.checkout.chain import ALICES, on_chain, record_suite, sold_event


@pytest.fixture(autouse=True)
def _contracts(tmp_path, settings):
    record_suite(tmp_path / "chain", settings)


def said(*words):
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_cases_are_listed_and_settled_by_what_was_done(market):
    row = on_chain(market.offer(), market.cast.alice, now=timezone.now())
    assert said("chain_sales") == "0 open cases\n"
    sold_event(row, at=timezone.now(), price=1)
    sold_event(row, at=timezone.now())
    chain_sales.take_in(now=timezone.now())
    case = ChainSale.objects.get(chain_offer=None)
    listed = said("chain_sales")
    assert f"{case.source}" in listed
    assert listed.endswith("case unknown-offer\n1 open cases\n")
    assert said("chain_sales", "--all").endswith("2 sales\n")
    for words in ((), ("--again", "--because", "x"), ("--because", " "), ("--again",)):
        with pytest.raises(CommandError):
            call_command("chain_sales", case.pk, *words)
    assert case.steps.count() == 1
    assert "settled Sent back." in said("chain_sales", str(case.pk), "--because", "Sent back.")
    assert said("chain_sales") == "0 open cases\n"
    with pytest.raises(CommandError, match="no sale 99"):
        call_command("chain_sales", 99, "--again")


def test_alice_signs_with_a_key_file_and_stops(market, tmp_path):
    (tmp_path / "key").write_text("0x" + ALICES.hex())
    asked = ["offer_on_chain", str(market.offer().pk), "--as", "alice"]
    assert "100010000 units of tUSD" in said(*asked, "--key-file", str(tmp_path / "key"), "--supply", "2")
    assert ChainOffer.objects.get().supply == 2
    assert said(*asked, "--stop").startswith("1 closed")
    assert ChainOffer.objects.get().closing.reason == "asked"
    for words in (
        [],
        ["--key-file", str(tmp_path / "none")],
        ["--key-file", str(tmp_path / "key"), "--days", "900"],
        ["--key-file", str(tmp_path / "key"), "--as", "bob"],
    ):
        with pytest.raises(CommandError):
            call_command(*asked, *words)
    assert ChainOffer.objects.count() == 1
    said(*asked, "--key-file", str(tmp_path / "key"))
    assert said("offer_on_chain", "--stop-all").startswith("1 closed")


def test_a_license_that_is_not_anchored_is_not_shown(market):
    grant = licensing.grant(offer=market.offer(), studio=market.cast.studio, source="order-line:1", now=timezone.now())
    with pytest.raises(CommandError, match="not anchored yet"):
        call_command("grant_on_chain", str(grant.pk))
    with pytest.raises(CommandError, match="There is no license"):
        call_command("grant_on_chain", str(market.world.pk))
