"""Statements by the API: Alice's program reads hers to the byte, and nobody else's key opens them."""

import base64
import io
import json
from hashlib import sha256

import pytest
from django.core.management import call_command
from django.test import Client

import ledger.operations
from ledger.verify_royalty import main as verify
from marketplace.payouts.models import Posting, RoyaltyLine
from marketplace.payouts.operations import allocate_royalties, close_month, ensure_split, record_sale
from marketplace.payouts.rules import WHOLE_PPB, Money
from marketplace.people import operations as people
from tests.api.statements_told import DECEMBER, NOVEMBER, earned, program_of
from tests.api.studios import ANYBODY, Market, Studio
from tests.cast import NOON, later


@pytest.fixture
def alice(market: Market) -> Studio:
    return earned(market)


def test_alices_program_lists_her_months(market: Market, alice: Studio) -> None:
    last = Posting.objects.filter(account__owner__isnull=False).order_by("-pk")[0]
    document = alice.get(NOVEMBER).getvalue()

    assert alice.get("/statements").json() == {
        "data": [
            {
                "period": "2026-11",
                "currency": "USD",
                "opening_minor": 0,
                "closing_minor": 1082,
                "royalty_lines": 2,
                "transaction": str(last.transaction_id),
                "sha256": sha256(document).hexdigest(),
                "closed_at": "2026-12-01T12:00:00Z",
                "url": "http://testserver/api/v1/statements/2026-11/USD",
                "proof": "http://testserver/api/v1/statements/2026-11/USD/proof",
            }
        ],
        "next": None,
    }
    assert json.loads(document)["transaction"] == str(last.transaction_id)
    assert [row["closing_minor"] for row in program_of(market.cast.bob).get("/statements").json()["data"]] == [541]
    assert program_of(market.cast.mo).get("/statements").json() == {"data": [], "next": None}


def test_pages_go_through_all_months_and_currencies(market: Market, alice: Studio) -> None:
    split = ensure_split(own={market.cast.alice: WHOLE_PPB}, parents=[], now=NOON)
    for number, currency in enumerate(("CNY", "EUR", "JPY")):
        gross = Money(500, currency)
        record_sale(source=f"sale:{number}", split=split, gross=gross, tax_minor=0, fee_minor=0, now=NOON)
    allocate_royalties(now=NOON)
    for currency in ("CNY", "EUR", "JPY"):
        close_month(period="2026-11", currency=currency, now=DECEMBER)
    close_month(period="2026-12", currency="USD", now=later(days=40))

    seen, cursor = [], ""
    while cursor is not None:
        answer = alice.get(f"/statements?limit=2&cursor={cursor}").json()
        seen.append([(row["period"], row["currency"]) for row in answer["data"]])
        cursor = answer["next"]

    assert seen == [
        [("2026-12", "USD"), ("2026-11", "CNY")],
        [("2026-11", "EUR"), ("2026-11", "JPY")],
        [("2026-11", "USD")],
    ]
    dollars = alice.get("/statements?currency=USD").json()["data"]
    assert [(row["period"], row["opening_minor"]) for row in dollars] == [("2026-12", 1082), ("2026-11", 0)]
    forged = base64.urlsafe_b64encode(b"grants|2026-11-01T00:00:00+00:00~USD").decode().rstrip("=")
    assert alice.get(f"/statements?cursor={forged}").status_code == 422


def test_the_bytes_are_those_of_the_portal_and_of_the_command(market: Market, alice: Studio) -> None:
    browser = Client()
    browser.force_login(market.cast.alice.person)
    for form, language, header in (("json", "en", "en"), ("csv", "en", "en"), ("csv", "zh-hans", "zh-Hans")):
        answer = alice.get(f"{NOVEMBER}?format={form}", Accept_Language=header)
        told = answer.getvalue()
        assert told == browser.get(f"/portal{NOVEMBER}/statement.{form}?language={language}").getvalue()
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        options = {"month": "2026-11", "format": form, "language": language, "stdout": written}
        call_command("statement", "alice", "USD", **options)
        assert told == written.buffer.getvalue()  # type: ignore[attr-defined]
        assert (
            alice.get(f"{NOVEMBER}?format={form}", Accept_Language=header, If_None_Match=answer["ETag"]).status_code
            == 304
        )
    assert alice.get(NOVEMBER, Accept="text/csv").getvalue().startswith(b"\xef\xbb\xbf")
    assert json.loads(alice.get("/statements/running/USD").getvalue())["period"] == ""


def test_the_proof_holds_once_the_month_is_sealed(market: Market, alice: Studio, tmp_path, capsys) -> None:
    line = RoyaltyLine.objects.get(payee=market.cast.alice, sale__source="order-line:0")
    bobs = RoyaltyLine.objects.get(payee=market.cast.bob, sale__source="order-line:0")
    pending = alice.get(NOVEMBER + "/proof")
    assert (pending.status_code, pending.json()["code"]) == (503, "proof-pending")
    ledger.operations.register_keys(now=DECEMBER)
    ledger.operations.seal(now=DECEMBER)

    answer = alice.get(f"{NOVEMBER}/proof?line={line.pk}")

    assert answer.json()["line"]["amount_minor"] == 615
    (tmp_path / "proof.json").write_bytes(answer.getvalue())
    (tmp_path / "statement.json").write_bytes(alice.get(NOVEMBER).getvalue())
    files = [str(tmp_path / "proof.json"), "--statement", str(tmp_path / "statement.json")]
    assert verify([*files, "--key", answer.json()["key"]]) == 0, capsys.readouterr()
    assert "line" not in alice.get(NOVEMBER + "/proof").json()
    assert alice.get(f"{NOVEMBER}/proof?line={bobs.pk}").status_code == 404


def test_dave_reads_nothing_of_it(market: Market, alice: Studio, carol: Studio, dave: Studio) -> None:
    cast = market.cast
    studio = people.open_studio(person=cast.alice.person, name="Yun", now=NOON)
    _key, her_studios = people.issue_key(studio=studio, by=cast.alice.person, name="pipeline", now=NOON)
    revoked = program_of(cast.alice)
    people.revoke_key(key=revoked.key, by=cast.alice.person, now=NOON)
    browser = Studio()
    browser.client.force_login(cast.alice.person)
    for path in ("/statements", NOVEMBER, NOVEMBER + "/proof", "/statements/running/USD"):
        for who in (ANYBODY, carol, dave, Studio(her_studios), revoked, browser):
            answer = who.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="worldloom"')
        mo = program_of(cast.mo).get(path)
        assert mo.status_code == (200 if path == "/statements" else 404), path
    assert ANYBODY.get(NOVEMBER).json()["detail"] == (
        "This address needs a creator's API key, as “Authorization: Bearer wl_…”."
    )
    assert alice.get("/grants").status_code == 401, "and a creator's key opens nothing of a studio's"
    for method in ("POST", "PUT", "DELETE"):
        assert alice.call(method, NOVEMBER).status_code == 405


def test_a_list_of_any_length_asks_few_questions(
    market: Market, alice: Studio, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert alice.get("/statements").status_code == 200
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        alice.get(NOVEMBER).getvalue()
