"""Books that are found wrong are recorded, loud, and pay nobody until they are found right again."""

import json
import logging
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from marketplace.payouts import proving, tasks
from marketplace.payouts.operations import BooksDisagree, allocate_royalties, release_holds, settle
from marketplace.payouts.policies import BooksCheck
from marketplace.people.models import Person
from marketplace.people.operations import name_operator
from tests.payouts.cast import NOON
from tests.payouts.tampering import tamper

OLGA, PING = "olga@example.org", "ping@example.org"


@pytest.fixture(autouse=True)
def operators(request: pytest.FixtureRequest) -> None:
    """Olga and Ping run the house; Ping reads Chinese."""
    named = set(request.fixturenames)
    if not {"db", "transactional_db"} & named:
        return
    request.getfixturevalue("transactional_db" if "transactional_db" in named else "db")
    for email, language in ((OLGA, "en"), (PING, "zh-hans")):
        person = Person.objects.create(email=email, display_name=email, language=language, joined_at=NOON)
        name_operator(person=person, now=NOON)


@pytest.fixture
def sold(shared: Any, sell: Any) -> Any:
    """Two sales of 12.00, allocated, nothing paid: the run."""
    sell(shared, "order-line:1")
    sell(shared, "order-line:2")
    [run] = allocate_royalties(now=NOON)
    return run


def one_more() -> None:
    tamper(
        "UPDATE payouts_account SET balance_minor = balance_minor + 1 WHERE kind = 'creator_pending' AND id IN"
        " (SELECT min(id) FROM payouts_account WHERE kind = 'creator_pending')"
    )


def one_less() -> None:
    tamper(
        "UPDATE payouts_account SET balance_minor = balance_minor - 1 WHERE kind = 'creator_pending' AND id IN"
        " (SELECT min(id) FROM payouts_account WHERE kind = 'creator_pending')"
    )


def letters() -> list[tuple[str, str]]:
    """Returns who has been written to of what, and forgets it."""
    jobs = ProcrastinateJob.objects.filter(task_name="payouts.tell_of_books").order_by("id")
    said = [(job.args["address"], job.args["occasion"]) for job in jobs]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    return said


def prove(**after: int) -> BooksCheck:
    return proving.prove_books(now=NOON + timedelta(**after))


def test_books_that_are_right_are_recorded_in_silence(sold, caplog):
    check = prove()

    assert (check.ran_at, check.postings, check.problems) == (NOON, 9, [])
    assert 0 <= check.took_ms < 60_000
    assert proving.what_stops_payouts() is None
    assert caplog.records == []
    assert letters() == []


def test_each_problem_is_recorded_and_critical(sold, alice, caplog):
    one_more()
    check = prove()

    assert check.problems == [
        f"Account creator_pending of {alice.pk} in USD keeps 1513 and its postings make 1512.",
        f"{alice.pk} has 1513 pending in USD and unreleased lines of 1512.",
    ]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("CRITICAL", problem) for problem in check.problems
    ]
    assert proving.what_stops_payouts() == "the proof of 2026-11-22 12:00 UTC found 2 problems in the books"


def test_operators_are_told_once_then_daily_and_when_it_is_over(sold, settings):
    settings.ALARM_ADDRESSES = ["alarm@example.org", OLGA]
    everybody = ["alarm@example.org", OLGA, PING]
    told = {}
    one_more()
    for hours in (1, 2, 24, 25, 26, 48, 49, 200):
        prove(hours=hours)
        told[hours] = letters()
    one_less()
    for hours in (201, 202):
        prove(hours=hours)
        told[hours] = letters()
    one_more()
    prove(hours=203)
    told[203] = letters()

    due = {1: "began", 25: "lasts", 49: "lasts", 200: "lasts", 201: "over", 203: "began"}
    assert {hours: sorted(said) for hours, said in told.items() if said} == {
        hours: [(address, occasion) for address in everybody] for hours, occasion in due.items()
    }


def test_a_clock_that_jumps_makes_no_storm(sold):
    one_more()
    prove()
    assert len(letters()) == 2
    prove(days=-300)
    prove(days=-299, hours=1)
    assert len(letters()) == 2  # a day has passed on the clock that counts now
    prove(days=365)
    prove(days=365, hours=1)
    assert len(letters()) == 2
    one_less()
    prove(days=1)
    assert letters() == [(OLGA, "over"), (PING, "over")]


def test_who_left_is_not_told(sold):
    Person.objects.filter(email=PING).update(is_active=False)
    one_more()
    prove()
    assert letters() == [(OLGA, "began")]


def test_the_letters_say_what_holds_and_what_to_do(sold, alice):
    one_more()
    prove()
    for job in ProcrastinateJob.objects.filter(task_name="payouts.tell_of_books").order_by("id"):
        tasks.tell_of_books(**job.args)

    english, chinese = mail.outbox
    assert (english.to, english.subject) == ([OLGA], "The books disagree: payouts are stopped")
    assert english.body == (
        "The proof of Nov 22, 2026, 12:00 UTC found 2 problems in the books:\n\n"
        f"- Account creator_pending of {alice.pk} in USD keeps 1513 and its postings make 1512.\n"
        f"- {alice.pk} has 1513 pending in USD and unreleased lines of 1512.\n\n"
        "No payout is reserved or sent until a later proof finds nothing. Sales and royalties go on.\n\n"
        "Run `manage.py check_books` and find the cause; docs/operate.md says how, under “Books that disagree”.\n\n"
        "You are told again in a day while this lasts, and when it is over.\n"
    )
    assert chinese.to == [PING]
    assert "2026年11月22日" in chinese.body

    mail.outbox.clear()
    one_less()
    check = prove(hours=1)
    proving.send_letter(check_id=check.pk, occasion="over", address=OLGA, language="en")
    assert [(letter.subject, letter.body) for letter in mail.outbox] == [
        (
            "The books agree again: payouts go on",
            "The proof of Nov 22, 2026, 13:00 UTC found nothing wrong in 9 postings.\n\n"
            "Payouts go on with the next settlement; there is nothing that you need to do.\n",
        )
    ]


def test_books_that_are_wrong_everywhere_do_not_flood(db, monkeypatch, caplog):
    monkeypatch.setattr(proving, "check_books", lambda: [f"Sale {number} is 100%s wrong." for number in range(5000)])
    check = prove()

    assert len(check.problems) == 1001
    assert check.problems[-2:] == ["Sale 999 is 100%s wrong.", "And 4000 more problems."]
    assert len(caplog.records) == 21
    assert caplog.records[-1].getMessage() == "The books have 4980 more problems."
    _subject, body = proving.letter(check, "lasts")
    assert body.count("\n- ") == 20
    assert "\nand 981 more.\n" in body


def test_nothing_is_paid_while_the_books_disagree(sold, faulty_rail, caplog):
    release_holds(now=sold.available_at)
    one_more_available = (
        "UPDATE payouts_account SET balance_minor = balance_minor {} 1 WHERE kind = 'creator_available'"
        " AND id = (SELECT min(id) FROM payouts_account WHERE kind = 'creator_available')"
    )
    tamper(one_more_available.format("+"))
    prove()
    caplog.clear()

    with pytest.raises(BooksDisagree) as stopped:
        settle(now=sold.available_at)

    assert stopped.value.code == "books-disagree"
    assert str(stopped.value) == (
        "Payouts are stopped: the proof of 2026-11-22 12:00 UTC found 2 problems in the books. "
        "Run check_books and find the cause before you settle again."
    )
    assert faulty_rail.calls == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM payouts_payout")
        assert cursor.fetchone() == (0,)

    tamper(one_more_available.format("-"))
    with pytest.raises(BooksDisagree):
        settle(now=sold.available_at)  # nobody has looked again
    prove(hours=1)
    assert settle(now=sold.available_at).answered == 2
    assert sorted(amount.amount_minor for _key, amount in faulty_rail.calls) == [648, 1512]
    assert prove(hours=2).problems == []


def test_the_command_records_what_it_prints(sold, capsys):
    call_command("check_books")
    assert capsys.readouterr().out.endswith("books ok\n")
    one_more()
    with pytest.raises(CommandError) as said:
        call_command("check_books")

    first, second = BooksCheck.objects.order_by("pk")
    assert (first.problems, second.problems) == ([], str(said.value).split("\n"))
    assert said.value.returncode == 1


def test_a_proof_is_never_changed_or_forgotten(sold):
    one_more()
    prove()
    for sql in ("UPDATE payouts_books_check SET problems = '[]'", "DELETE FROM payouts_books_check"):
        with pytest.raises(IntegrityError, match="facts are added"), transaction.atomic():
            connection.cursor().execute(sql)
    assert len(BooksCheck.objects.get().problems) == 2


def test_a_proof_looks_at_one_moment(committed, alices, sell, monkeypatch, caplog):
    """A sale that is committed while the questions are asked is in none of the answers."""
    sell(alices, "order-line:1")
    named = connection.settings_dict
    url = psycopg.conninfo.make_conninfo(
        host=named["HOST"], port=named["PORT"], user=named["USER"], password=named["PASSWORD"], dbname=named["NAME"]
    )
    ask = proving.check_books

    def ask_while_somebody_sells() -> list[str]:
        problems = ask()
        with psycopg.connect(url) as other:
            other.execute("SET session_replication_role = replica")
            other.execute("DELETE FROM payouts_posting WHERE id IN (SELECT min(id) FROM payouts_posting)")
        return problems + ask()

    monkeypatch.setattr(proving, "check_books", ask_while_somebody_sells)
    check = prove()
    assert (check.problems, check.postings) == ([], 3)
    monkeypatch.undo()
    assert len(prove(hours=1).problems) > 0


def test_proofs_at_once_tell_of_the_beginning_once(committed, alices, sell, at_once):
    sell(alices, "order-line:1")
    with transaction.atomic():
        tamper("DELETE FROM payouts_posting WHERE id IN (SELECT min(id) FROM payouts_posting)")

    said = at_once(*[lambda: prove()] * 4)

    assert [type(check) for check in said] == [BooksCheck] * 4
    assert sorted(letters()) == [(OLGA, "began"), (PING, "began")]
    assert json.dumps([check.problems for check in said[1:]]) == json.dumps([said[0].problems] * 3)


def test_a_mail_server_that_is_away_is_tried_again():
    strategy: Any = tasks.tell_of_books.retry_strategy
    assert strategy.max_attempts == 8
    assert strategy.retry_exceptions == {OSError}
    assert logging.getLogger(proving.__name__).isEnabledFor(logging.CRITICAL)
