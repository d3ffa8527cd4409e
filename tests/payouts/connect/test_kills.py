"""A worker dies at any call of Stripe or before any commit: after it is started again each creator was paid once."""

import signal
from contextlib import suppress
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from marketplace.payouts.attempts import PayoutAttempt, PayoutAttemptEnd
from marketplace.payouts.bookkeeping.settlement import send_open
from marketplace.payouts.connected.going_on import go_on
from marketplace.payouts.connected.watching import watch
from marketplace.payouts.models import Payout
from marketplace.payouts.queries import check_books, paid_total
from marketplace.provider.connections import Connections
from tests.payouts.faults.lives import Child, wait_until_alone
from tests.payouts.policing import has
from tests.points import Points, around
from tests.stripe import accounts
from tests.stripe.faults import Fault


def whole_way(house) -> None:
    house.settle()
    go_on(now=house.now)


def killed_at(house, number: int) -> bool:
    """Lives through a settlement in a process that is killed at a point; says whether it was."""

    def act(say) -> None:
        point = Points(number)
        around(BaseDatabaseWrapper, "_commit", point)
        around(Connections, "request", point)
        whole_way(house)

    code, _said = Child(act).end()
    assert code in (0, -signal.SIGKILL)
    wait_until_alone()
    return code != 0


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.deep), 5])
def test_killed_at_every_point_each_is_paid_once(house, alice, bob, shared, connect, settings, step):
    settings.CONNECT_THREADS = 1
    hers, his = connect(alice), connect(bob)
    for number in count(1, step):
        house.earn(shared, 10_00)
        died = killed_at(house, number)
        assert check_books() == []
        house.forward(minutes=3)
        whole_way(house)
        house.forward(days=1)
        house.hear()
        assert len(house.transfers()) == Payout.objects.count()
        assert (house.has(hers), house.has(his)) == (0, 0)
        assert paid_total() == {"USD": house.banked()} == {"USD": 1000 * house.sold}
        if not died:
            break
    assert house.sold > 20 // step


def test_three_in_ten_answers_are_lost(house, alice, bob, shared, connect):
    connect(alice), connect(bob)
    house.fake.faults.lose(0.3, 5, Fault.DROP_RESPONSE, Fault.DROP_REQUEST, Fault.ERROR_SAVED, Fault.ERROR, Fault.LIMIT)
    for _ in range(6):
        house.earn(shared, 10_00)
        with suppress(Exception):
            whole_way(house)
        house.forward(days=1)
        with suppress(Exception):
            house.hear(shuffled=True, copies=2)
    house.fake.faults.stop()
    for _ in range(3):
        whole_way(house)
        house.forward(days=1)
        house.hear()

    assert paid_total() == {"USD": 6000} == {"USD": house.banked()}
    assert PayoutAttempt.objects.filter(end=None).count() == 0


def test_one_that_contradicts_holds_up_nobody_else(house, alice, bob, shared, connect):
    connect(alice)
    his = connect(bob)
    house.earn(shared, 10_00)
    house.settle()
    house.fake.faults.when(lambda asked: asked.path == "/v1/payouts", Fault.ERROR, times=1)
    assert go_on(now=house.now).to_banks == 1
    [stuck] = PayoutAttempt.objects.filter(kind="bank", end=None)
    house.fake.faults.when(lambda asked: asked.key == stuck.key, Fault.CONFLICT, times=99)
    house.earn(shared, 10_00)
    house.settle()

    go_on(now=house.now)

    assert stuck.pk in PayoutAttempt.objects.filter(end=None).values_list("pk", flat=True)
    assert PayoutAttemptEnd.objects.filter(attempt__kind="bank").count() == 3
    assert house.has(his) in (0, 300)


def test_what_was_not_answered_is_asked_again_without_a_new_settlement(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.fake.faults.when(lambda asked: asked.path == "/v1/transfers", Fault.DROP_RESPONSE)
    with suppress(Exception):
        house.settle()
    house.earn(alices, 5_00)

    assert send_open(now=house.now).answered == 1
    assert (house.transfers(), has(alice)["available"]) == ([(account.reference, 1000)], 500)
    assert send_open(now=house.now).answered == 0


def test_the_database_refuses_a_second_transfer_and_a_second_bank_payout(house, alice, alices, connect):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    go_on(now=house.now)
    payout, transfer = Payout.objects.get(), PayoutAttempt.objects.get(kind="transfer")
    given = {"payout": payout, "account": account, "made_at": house.now}

    for number, kind, of, minor, why in [
        (3, "transfer", None, 1000, "payouts_attempt_waits"),
        (3, "bank", transfer, 1000, "payouts_attempt_waits"),
        (4, "return", transfer, 1000, "payouts_attempts_follow"),
        (3, "return", transfer, 1001, "payouts_attempt_of_its_transfer"),
    ]:
        row = PayoutAttempt(
            number=number, kind=kind, of=of, amount_minor=minor, key=f"payout:{payout.pk}:{number}", **given
        )
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            row.save()
        assert refused.value.__cause__.diag.constraint_name == why
    assert PayoutAttempt.objects.count() == 2


def test_what_an_operator_types(house, alice, alices, connect, capsys):
    account = connect(alice)
    house.earn(alices, 10_00)
    house.settle()
    call_command("connect_payouts", "--watch", "--go-on", "--recover", "9")
    call_command("connect_payouts")
    assert capsys.readouterr().out.splitlines() == [
        "1 accounts, 0 bank payouts asked about, 0 silent",
        "0 transfers answered, 1 sent on to banks, 0 taken back, 0 not answered",
        "0 transfers taken back in part, 0 not answered",
        f"{'alice':20} {account.reference}  ready",
    ]


def test_the_command_is_for_this_rail_only(house, settings):
    settings.ADAPTERS = {**settings.ADAPTERS, "payouts": "marketplace.payouts.rails.recorded.RecordedRail"}
    with pytest.raises(CommandError, match="another rail"):
        call_command("connect_payouts")


def test_what_no_message_told_of_is_found_at_night(house, alice, alices, connect):
    connect(alice)
    house.earn(alices, 10_00)
    whole_way(house)
    house.forward(days=2)

    assert watch(now=house.now) == (1, 1, 0)

    assert has(alice) == {"paid": 1000}
    accounts.closed(house.fake.world, house.transfers()[0][0])
    assert watch(now=house.now).accounts == 1
    assert watch(now=house.now).accounts == 0
