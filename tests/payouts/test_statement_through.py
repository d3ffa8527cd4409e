"""Up to a transaction: its id alone decides what a statement says, in every form, whatever is closed by then."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from marketplace.payouts.models import RoyaltyRun
from marketplace.payouts.operations import allocate_royalties, close_months
from marketplace.payouts.statement_queries import NoStatement, closed, through
from tests.payouts.cast import NOON
from tests.payouts.test_statements import DAY, FIRST, SECOND, THIRD, told, written

WAYS = [("json", "en"), ("csv", "en"), ("csv", "zh-hans"), ("pdf", "en"), ("pdf", "zh-hans")]
SOON = FIRST + timedelta(minutes=3)
CLOSING = FIRST + timedelta(hours=1, minutes=7)
"""When the worker closes November."""


@pytest.fixture
def run(shared, sell):
    """Sells at a moment, of which Alice gets 7.56 and Bob 3.24, and returns the transaction that credits it."""
    numbers = iter(range(1000))

    def run(now, currency="USD"):
        sell(shared, f"order-line:run-{next(numbers)}", now=now, currency=currency)
        allocate_royalties(now=now)
        return RoyaltyRun.objects.latest("pk").transaction_id

    return run


def all_ways(creator, transaction_id, after=None):
    paper = through(creator, currency="USD", transaction_id=transaction_id, after=after)
    return [written(paper, form, language) for form, language in WAYS]


def edges(creator, transaction_id, currency="USD"):
    document = told(through(creator, currency=currency, transaction_id=transaction_id))
    return document["after"], document["opening_minor"], document["closing_minor"]


def test_a_transaction_gives_the_same_bytes_before_and_after_a_month_is_closed(alice, bob, run, right):
    ids = [run(NOON), run(SOON), run(FIRST + timedelta(minutes=30))]
    before = [all_ways(one, pk) for one in (alice, bob) for pk in ids]

    [november] = close_months(now=CLOSING)
    after_november = [all_ways(one, pk) for one in (alice, bob) for pk in ids]
    run(FIRST + 2 * DAY)
    close_months(now=SECOND)
    after_december = [all_ways(one, pk) for one in (alice, bob) for pk in ids]

    assert after_november == before
    assert after_december == before
    end = november.through
    assert [edges(alice, pk) for pk in ids] == [(0, 0, 756), (end, 756, 1512), (end, 756, 2268)]


def test_a_transaction_opens_with_what_the_month_before_closed_with(alice, run, right):
    run(NOON)
    last_of_november = run(FIRST - timedelta(seconds=1))
    run(FIRST)
    last_of_december = run(SECOND - timedelta(seconds=1))
    february = run(THIRD + DAY)  # nothing moved in January
    opened = [edges(alice, pk) for pk in (last_of_november, last_of_december, february)]

    november, december, january = close_months(now=THIRD + 2 * DAY)

    assert opened == [(0, 0, 1512), (november.through, 1512, 3024), (january.through, 3024, 3780)]
    assert january.through == december.through
    for month, last in (("2026-11", last_of_november), ("2026-12", last_of_december)):
        own = told(closed(alice, period=month, currency="USD"))
        assert told(through(alice, currency="USD", transaction_id=last)) == own | {"period": ""}


def test_clocks_that_are_wrong_do_not_change_what_a_transaction_gives(alice, run, right):
    run(NOON)
    ahead = run(NOON + 365 * DAY)  # a clock a year ahead ends no month
    back_again = run(NOON + DAY)
    december = run(SOON)
    late = run(FIRST - timedelta(seconds=1))  # waited for December's first one, which it comes after
    next_one = run(FIRST + timedelta(minutes=2))
    ids = [ahead, back_again, december, late, next_one]
    before = [all_ways(alice, pk) for pk in ids]
    told_before = [edges(alice, pk) for pk in ids]

    [november] = close_months(now=CLOSING)

    assert [all_ways(alice, pk) for pk in ids] == before
    assert [opening for _after, opening, _closing in told_before] == [756, 0, 3 * 756, 0, 3 * 756]
    assert {told_before[2][0], told_before[4][0]} == {november.through}


def test_a_transaction_and_the_one_before_it_give_the_same_bytes_whatever_is_closed(alice, run, right):
    first, second, third = run(NOON), run(FIRST), run(FIRST + DAY)
    before = all_ways(alice, third, after=first)
    close_months(now=SECOND)

    assert all_ways(alice, third, after=first) == before
    document = told(through(alice, currency="USD", transaction_id=third, after=first))
    assert [line["id"] for line in document["lines"]] == [str(second), str(third)]
    with pytest.raises(NoStatement, match="it would end before it begins"):
        through(alice, currency="USD", transaction_id=first, after=third)


def test_months_of_a_currency_are_its_own(alice, run, right):
    run(NOON)
    yens = run(FIRST + DAY, "JPY")
    dollars = run(FIRST + 2 * DAY)
    before = edges(alice, yens, "JPY"), edges(alice, dollars)

    close_months(now=SECOND)

    assert (edges(alice, yens, "JPY"), edges(alice, dollars)) == before
    assert before == ((0, 0, 756), (before[1][0], 756, 1512))


def test_the_command_writes_a_transaction_s_bytes_before_and_after_closing(alice, run, right, capfdbinary):
    run(NOON)
    last = str(run(SOON))

    def asked():
        for form, language in WAYS:
            call_command("statement", "alice", "USD", "--through", last, "--format", form, "--language", language)
        return capfdbinary.readouterr().out

    before = asked()
    close_months(now=CLOSING)

    assert asked() == before
