"""The sums of the house's accounts stay readable: kept up to where nothing can come any more, and proven."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from marketplace.payouts.checkpoints import PostingSample
from marketplace.payouts.models import Account, AccountKind, Posting, Split
from marketplace.payouts.operations import ensure_split, record_sale, take_checkpoints
from marketplace.payouts.policies import SummedCheckpoint
from marketplace.payouts.queries import check_books, house_sum, trial_balance
from marketplace.payouts.rules import WHOLE_PPB, Money
from tests.payouts.cast import NOON, add_creator
from tests.payouts.test_guards import refusal

CLEARING = AccountKind.PSP_CLEARING


@pytest.fixture
def split(committed) -> Split:
    return ensure_split(own={add_creator("alice", 1): WHOLE_PPB}, parents=[], now=NOON)


def sell(split, number, gross=12_00):
    return record_sale(
        source=f"order-line:{number}", split=split, gross=Money(gross, "USD"), tax_minor=0, fee_minor=1_20, now=NOON
    )


def kept(kind=CLEARING):
    rows = SummedCheckpoint.objects.filter(account__kind=kind).order_by("through")
    return [(row.sum_minor, row.postings) for row in rows]


def take(times=1, least=1):
    made = 0
    for _time in range(times):
        made = take_checkpoints(now=NOON, least=least)
    return made


def test_a_checkpoint_is_made_when_all_before_the_next_sample_has_ended(split):
    sell(split, 1)
    assert take() == 0  # the first sample
    sell(split, 2)
    assert take() == 3  # the second: clearing, fee and unallocated have one through the first
    assert kept() == [(12_00, 1)]
    assert take() == 3
    assert kept() == [(12_00, 1), (24_00, 2)]
    assert take(3) == 0
    assert PostingSample.objects.count() == 3  # an idle house takes no more
    sell(split, 3)
    assert house_sum(CLEARING, "USD") == 36_00
    assert {row.kind: row.debit_minor - row.credit_minor for row in trial_balance()} == {
        "psp_clearing": 36_00,
        "platform_fee": -3_60,
        "royalty_unallocated": -32_40,
    }
    assert check_books() == []


def test_accounts_that_hardly_move_wait(split):
    sell(split, 1)
    assert take(3, least=2) == 0
    assert kept() == []


class Other:
    """Another connection, in a transaction that goes on."""

    def __init__(self):
        self.connection = connections.create_connection("default")
        self.connection.set_autocommit(False)

    def run(self, sql, params=None):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchone() if cursor.description else None

    def end(self, commit=True):
        (self.connection.commit if commit else self.connection.rollback)()
        self.connection.close()


@pytest.fixture
def other(committed):
    made = Other()
    yield made
    made.connection.close()


LATE = """
WITH made AS (INSERT INTO payouts_transaction (id, kind, source, idem_key, content_sha256, occurred_at)
              VALUES (%s, 'bank_transfer', 'late', 'late', 'x', now()) RETURNING id)
INSERT INTO payouts_posting (transaction_id, account_id, amount_minor)
SELECT made.id, leg.* FROM made, (VALUES (%s, 7), (%s, -7)) AS leg (account, amount) RETURNING id
"""


@pytest.fixture
def bank(split):
    return [Account.objects.create(kind=kind, currency="USD").pk for kind in ("bank", "psp_balance")]


@pytest.mark.parametrize("commits", [True, False])
def test_what_is_still_being_written_is_waited_for(split, bank, other, commits):
    """A transaction with low numbers commits after many others: no checkpoint passes it before it has ended."""
    [low] = other.run(LATE, [uuid4(), *bank])
    for number in range(3):
        sell(split, number)
        assert take() == 0
    assert house_sum(CLEARING, "USD") == 36_00  # nobody who reads waits
    other.end(commits)
    sell(split, 9)
    assert take(2) > 0
    through = SummedCheckpoint.objects.order_by("-through").first().through
    assert through > low
    assert house_sum(AccountKind.BANK, "USD") == (7 if commits else 0)
    assert kept(AccountKind.BANK) == ([(7, 1)] if commits else [])
    assert kept()[-1] == (48_00, 4)


def test_sales_wait_for_no_checkpoint_and_checkpoints_for_no_sale(split, other):
    sell(split, 1)
    take(3)
    other.run("SELECT pg_current_xact_id()")  # writes, and has not written its postings yet
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    sell(split, 2)
    take(3)
    assert kept() == [(12_00, 1)]
    other.end(commit=False)
    take(2)
    assert kept()[-1] == (24_00, 2)


def test_a_number_that_was_drawn_long_ago_does_not_come_late(split, bank, other):
    """Somebody draws a number, waits until a checkpoint has passed it, and posts under it."""
    sell(split, 1)
    [drawn] = other.run("SELECT nextval('payouts_posting_id_seq')")
    other.end()
    sell(split, 2)
    take(3)
    late = LATE.replace("(transaction_id, account_id, amount_minor)", "(id, transaction_id, account_id, amount_minor)")
    late = late.replace("SELECT made.id, leg.* FROM", "SELECT leg.* FROM").replace(
        "(VALUES (%s, 7), (%s, -7)) AS leg (account, amount)",
        f"(VALUES ({drawn}, made.id, %s, 7), (999999999, made.id, %s, -7)) AS leg (id, made, account, amount)",
    ).replace("FROM made, (VALUES", "FROM made, LATERAL (VALUES")  # fmt: skip
    assert refusal(late, [uuid4(), *bank]) == "payouts_posting_comes_last"
    assert check_books() == []


def test_samples_and_checkpoints_cannot_be_made_up(split):
    sell(split, 1)
    take(3)
    [clearing] = Account.objects.filter(kind=CLEARING)
    insert = """INSERT INTO payouts_summed_checkpoint (account_id, through, sum_minor, postings, made_at)
                VALUES (%s, %s, %s, %s, now())"""
    last = Posting.objects.order_by("-pk").first().pk
    sell(split, 2)
    now = Posting.objects.order_by("-pk").first().pk
    assert refusal(insert, [clearing.pk, now, 24_00, 2]) == "payouts_checkpoint_is_settled"
    assert SummedCheckpoint.objects.get(account=clearing).through == last
    take(2, least=100)  # now nothing up to there can come any more
    available = Account.objects.create(
        kind="creator_available", owner_id=split.shares.get().payee_id, currency="USD", balance_minor=0
    )
    for account, amount, count in [(clearing, 24_01, 2), (clearing, 24_00, 3), (clearing, 12_00, 1), (available, 0, 0)]:
        assert refusal(insert, [account.pk, now, amount, count]) == "payouts_checkpoint_sums"
    early = "INSERT INTO payouts_posting_sample (id, sampled_at) VALUES (gen_random_uuid(), now())"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        assert refusal(early) == "payouts_sample_comes_first"
    with connection.cursor() as cursor:  # what one says of itself is not believed
        cursor.execute(
            "INSERT INTO payouts_posting_sample (id, through, xid, cluster, sampled_at)"
            " VALUES (gen_random_uuid(), 999999, 1, 'x', now())"
        )
    assert PostingSample.objects.order_by("-xid").first().through == now
    for table in ("posting_sample", "summed_checkpoint"):
        assert refusal(f"DELETE FROM payouts_{table}") == f"payouts_{table}_append_only"
        assert refusal(f"UPDATE payouts_{table} SET through = 1") == f"payouts_{table}_append_only"


def test_samples_of_another_cluster_mean_nothing(split):
    """A copy of the books on another server: transactions are numbered anew there."""
    sell(split, 1)
    take(3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("DELETE FROM payouts_summed_checkpoint")
        cursor.execute("UPDATE payouts_posting_sample SET cluster = '1', xid = xid + 4000000000000")
    assert take() == 0
    assert take() == 3
    sell(split, 2)  # numbers of the other cluster refuse nothing either
    assert house_sum(CLEARING, "USD") == 24_00
    assert check_books() == []


def test_a_checkpoint_that_lies_is_found(split):
    sell(split, 1)
    take(3)
    sell(split, 2)
    take(3)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payouts_summed_checkpoint SET sum_minor = sum_minor + 1"
                       " WHERE sum_minor = 1200")  # fmt: skip
    [problem] = [line for line in check_books() if "checkpoint" in line and "1201" in line]
    assert problem.startswith("The checkpoint of psp_clearing in USD through ")
    assert problem.endswith(" says 1201 and its postings make 1200.")


def test_the_task_takes_them(split, monkeypatch):
    from marketplace.payouts import tasks

    sell(split, 1)
    for _run in range(3):
        tasks.checkpoints(0)
    assert PostingSample.objects.count() == 2
    assert PostingSample.objects.filter(sampled_at__gt=NOON - timedelta(days=1)).count() == 2
