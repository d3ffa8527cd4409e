"""Raw SQL that tries to cheat a freeze is refused by the database, and found by `check_books` where guards are off."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.freezes import ClaimHoldLine, SubjectFreeze
from marketplace.payouts.models import RoyaltyLine, RoyaltyRun, Transaction
from marketplace.payouts.operations import allocate_royalties, freeze, open_dispute, release_holds, thaw
from marketplace.payouts.queries import check_books
from tests.payouts.test_check_books import tamper
from tests.payouts.test_guards import account, post_raw, refusal

STOLEN = "release:stolen"


@pytest.fixture
def held(alice, bob, alices, shared, sell, noon):
    """7.56 of Alice's and 3.24 of Bob's are held; a sale of the same waits, another of Alice's is pending."""
    sell(shared, "order-line:1", subject=STOLEN)
    sell(alices, "order-line:2", subject="release:own")
    allocate_royalties(now=noon)
    frozen = freeze(subject=STOLEN, reason="claim:1", now=noon)
    sell(shared, "order-line:3", subject=STOLEN)
    assert check_books() == []
    return frozen


def refused_after(posting, *statements):
    """Posts raw, then tries the statements, {} standing for the transaction; returns the name of the refusal."""
    connection.check_constraints()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(posting)
            posted = Transaction.objects.get(source="raw").pk
            for statement in statements:
                cursor.execute(statement.format(posted))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return constraint_of(error)
    pytest.fail("not refused")


def hold_raw(frozen, line, amount, bucket="creator_pending"):
    return f"""INSERT INTO payouts_claim_hold_line (freeze_id, line_id, amount_minor, bucket, transaction_id)
               VALUES ({frozen.pk}, {line.pk}, {amount}, '{bucket}', '{{}}')"""


def end_raw(hold, bucket="creator_pending"):
    return f"""INSERT INTO payouts_claim_hold_end (hold_id, bucket, transaction_id)
               VALUES ({hold.pk}, '{bucket}', '{{}}')"""


def test_a_frozen_sale_is_not_allocated(held, alice, sell):
    waiting = f"""INSERT INTO payouts_royalty_line (run_id, sale_id, payee_id, share_ppb, amount_minor)
                  SELECT {RoyaltyRun.objects.get().pk}, id, '{alice.pk}', 1000000000, net_minor
                    FROM payouts_sale WHERE source = 'order-line:3'"""
    assert refusal(waiting) == "payouts_frozen_sale_waits"


def test_what_is_held_is_posted_and_what_is_posted_is_held(held, alice):
    own = RoyaltyLine.objects.get(sale__source="order-line:2")
    hold, pending = account("creator_claim_hold", owner=alice), account("creator_pending", owner=alice)
    moved = post_raw((pending, 1080), (hold, -1080), kind="claim_held")
    name = "payouts_holds_equal_postings"
    assert refusal(moved) == name
    later = SubjectFreeze.objects.create(subject="release:own", reason="claim:2", frozen_at=held.frozen_at)
    assert refused_after(moved, hold_raw(later, own, 1079)) == name
    assert refused_after(moved, hold_raw(later, own, 1080, "creator_available")) == name
    assert refused_after(moved, hold_raw(held, own, 1080)) == "payouts_hold_is_under_its_freeze"
    before = ClaimHoldLine.objects.filter(line__payee=alice).get()
    added = hold_raw(later, own, 1080).format(before.transaction_id)
    assert refusal(added) == name
    elsewhere = hold_raw(later, own, 1080).format(own.run.transaction_id)
    assert refusal(elsewhere) == "payouts_hold_names_its_movement"
    assert refusal(hold_raw(later, own, 0).format(before.transaction_id)) == "payouts_hold_above_zero"
    assert refusal(hold_raw(later, own, 1, "bank").format(before.transaction_id)) == "payouts_hold_bucket_known"
    taken = post_raw((pending, 1080), (hold, -1080), (account("psp_clearing"), 5), (account("platform_fee"), -5),
                     kind="claim_held")  # fmt: skip
    assert refused_after(taken, hold_raw(later, own, 1080)) == "payouts_transaction_moves_its_accounts"


def test_no_more_of_a_line_is_held_than_there_is(held, alice):
    line = RoyaltyLine.objects.get(sale__source="order-line:1", payee=alice)
    hold, pending = account("creator_claim_hold", owner=alice), account("creator_pending", owner=alice)
    again = post_raw((pending, 756), (hold, -756), kind="claim_held")
    assert refused_after(again, hold_raw(held, line, 756)) == "payouts_hold_within_line"


def test_what_is_given_back_goes_to_whom_it_was_taken_from(held, alice, bob):
    before = ClaimHoldLine.objects.get(line__payee=alice)
    hold, pending = account("creator_claim_hold", owner=alice), account("creator_pending", owner=alice)
    bobs = account("creator_pending", owner=bob)
    back = post_raw((hold, 756), (pending, -756), kind="claim_released")
    name = "payouts_holds_equal_postings"
    assert refusal(back) == name
    assert refused_after(back, end_raw(before, "creator_available")) == name
    assert refused_after(back, end_raw(before, "bank")) == "payouts_end_bucket_known"
    assert refusal(end_raw(before).format(before.transaction_id)) == "payouts_end_names_its_movement"
    given = post_raw((hold, 756), (bobs, -756), kind="claim_released")
    assert refused_after(given, end_raw(before)) == name
    given = post_raw((hold, 756), (account("platform_fee"), -756), kind="claim_released")
    assert refused_after(given, end_raw(before, "creator_available")) == "payouts_transaction_moves_its_accounts"


def test_a_hold_ends_once(held, noon):
    before = ClaimHoldLine.objects.order_by("pk").first()
    thaw(subject=STOLEN, reason="claim:1", now=noon)
    assert refusal(end_raw(before).format(uuid4())) == "payouts_claim_hold_end_hold_id_key"


def test_a_thaw_gives_all_back(held):
    thawed = f"INSERT INTO payouts_subject_thaw (freeze_id, thawed_at) VALUES ({held.pk}, now())"
    assert refusal(thawed) == "payouts_thaw_gives_all_back"


def test_a_freeze_names_what_and_why_and_is_written_once(held):
    frozen = "INSERT INTO payouts_subject_freeze (subject, reason, frozen_at) VALUES (%s, %s, now())"
    assert refusal(frozen, [STOLEN, "claim:1"]) == "payouts_freeze_once"
    assert refusal(frozen, ["", "claim:1"]) == "payouts_freeze_says_what_and_why"
    assert refusal(frozen, [STOLEN, ""]) == "payouts_freeze_says_what_and_why"


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DELETE FROM payouts_claim_hold_line", "has 756 held for claims in USD and the holds of lines are 0."),
        ("DELETE FROM payouts_claim_hold_line", "-4000-8000-000000000002 for claims and its lines say 0"),
        (
            "DELETE FROM payouts_subject_freeze",
            "left from sale order-line:1, 756 is held for a claim on release:stolen.",
        ),
        (
            "INSERT INTO payouts_subject_freeze (subject, reason, frozen_at) VALUES ('release:own', 'x', now())",
            "left from sale order-line:2, 0 is held for a claim on release:own.",
        ),
        (
            "UPDATE payouts_subject_freeze SET allocated_through_id = NULL",
            "Sale order-line:1 was allocated while release:stolen was frozen.",
        ),
        ("UPDATE payouts_claim_hold_line SET amount_minor = amount_minor + 1", "and the holds of lines are 757"),
        (
            "INSERT INTO payouts_claim_hold_end (hold_id, bucket, transaction_id)"
            " SELECT id, 'creator_pending', transaction_id FROM payouts_claim_hold_line",
            "has 756 held for claims in USD and the holds of lines are 0.",
        ),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named(held, sql, sentence):
    tamper(sql)

    assert any(sentence in problem for problem in check_books()), check_books()


def test_a_run_that_ignored_a_freeze_is_named(alices, sell, noon):
    """As if somebody had switched the guard off for a while."""
    sell(alices, "order-line:1", subject=STOLEN)
    frozen = freeze(subject=STOLEN, reason="claim:1", now=noon)
    thaw(subject=STOLEN, reason="claim:1", now=noon)
    [run] = allocate_royalties(now=noon)
    assert check_books() == []

    tamper(f"UPDATE payouts_subject_thaw SET allocated_through_id = {run.pk} WHERE freeze_id = {frozen.pk}")

    assert check_books() == [f"Sale order-line:1 was allocated while {STOLEN} was frozen."]


def test_a_dispute_that_leaves_the_hold_alone_is_named(held, noon):
    open_dispute(source="order-line:1", now=noon)
    release_holds(now=noon)
    tamper("DELETE FROM payouts_claim_hold_end")

    assert any("756 is held for a claim" in problem for problem in check_books())
