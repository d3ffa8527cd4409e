"""What is due on chain becomes one root: its amounts, its books, its calls; and what becomes of it there."""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace.payouts.claims.cases import end_case, open_cases
from marketplace.payouts.claims.document import read_list
from marketplace.payouts.claims.hearing import hear_claims
from marketplace.payouts.claims.lists import calls_under, claim_of, list_of
from marketplace.payouts.claims.queries import claimable_of, on_chain_of
from marketplace.payouts.claims.standing import standing_of_root
from marketplace.payouts.claims.tables import ChainAccount, ChainClaimed, PayoutRoot, PayoutRootLine, PayoutWay
from marketplace.payouts.claims.ways import UnableToChooseWay, choose_way
from marketplace.payouts.models import Payout, Transaction
from marketplace.payouts.operations import release_payouts, settle
from marketplace.payouts.queries import balances_of, check_books, house_sums, lines_of
from tests.limited import become, limit
from tests.payouts.cast import NOON
from tests.payouts.claims.makers import ALICES, BOBS, COIN, DAVES, DISTRIBUTOR, go_on_chain
from tests.payouts.policing import DAY, hold, policy, transfers

HOUR = timedelta(hours=1)
DETAIL = "tusd-payouts:31337:d1d1d1"
NEXT = {"place": 1, "opened_at": NOON}


@pytest.fixture(autouse=True)
def _books_are_right(db, right):
    """Every story ends with books that agree."""


@pytest.fixture
def on_chain(alice, bob, wallets, noon):
    """Alice and Bob have wallets and are paid there in dollars."""
    go_on_chain(alice, wallets, ALICES, now=noon)
    go_on_chain(bob, wallets, BOBS, now=noon)


def published(now):
    """Settles, and returns the newest root."""
    settle(now=now)
    return PayoutRoot.objects.order_by("-pk").first()


def propose(say, root, at):
    """Lets the chain say that it has a root."""
    event = say("RootProposed", root=root.root, at=at)
    hear_claims(now=at)
    return event


def house():
    return {kind: made for (_, kind, detail), made in house_sums("USD").items() if detail in (DETAIL, "") and made}


def test_a_settlement_makes_one_root_over_all(alice, bob, shared, earn, on_chain, asked, noon):
    earn(shared, "order-line:1", noon)
    root = published(noon)

    assert (root.number, root.accounts, root.added_minor, int(root.total_units)) == (1, 2, 1080, 10_800_000)
    assert [(line.account.address, line.added_minor, line.cumulative_minor) for line in root.lines.order_by("pk")] == [
        (ALICES, 756, 756),
        (BOBS, 324, 324),
    ]
    assert (Payout.objects.count(), transfers()) == (0, [])
    assert {balance.available_minor for who in (alice, bob) for balance in balances_of(who)} == {0}
    assert house() == {
        "psp_clearing": 1200,
        "platform_fee": -120,
        "bank": -1080,
        "chain_escrow": 1080,
        "chain_claims": -1080,
    }
    assert [(call["key"], call["role"], call["function"], call["args"]) for call in asked] == [
        (f"{root.name}:approve:1", "settler", "approve", (DISTRIBUTOR, 10_800_000)),
        (
            f"{root.name}:propose:1",
            "settler",
            "proposePayouts",
            (COIN, 10_800_000, bytes.fromhex(root.root[2:])),
        ),
    ]
    assert {call["subject"] for call in asked} == {root.name}


def test_its_list_is_public_and_proves_every_line(shared, earn, on_chain, asked, noon):
    earn(shared, "order-line:1", noon)
    root = published(noon)
    content = list_of(root)

    assert sha256(content).hexdigest() == root.document_sha256
    found = read_list(content)
    assert ("0x" + found.root.hex(), found.number) == (root.root, 1)
    for account in ChainAccount.objects.all():
        claim = claim_of(root, account)
        line = found.line(bytes.fromhex(account.address[2:]))
        assert (claim.units, list(claim.proof)) == (line.units, line.proof)
        assert found.proves(bytes.fromhex(account.address[2:]), claim.units, claim.proof)
    assert [address for address, _call in calls_under(root)] == [ALICES.lower(), BOBS.lower()]


def test_the_applications_role_may_do_all_of_it(alice, alices, earn, wallets, asked, say, noon):
    become(limit())
    go_on_chain(alice, wallets, ALICES, now=noon)
    earn(alices, "order-line:1", noon)
    propose(say, published(noon), noon)
    say("Claimed", account=ALICES, amount=10_800_000, at=noon + DAY)
    hear_claims(now=noon + DAY)
    [had] = on_chain_of(alice, now=noon + DAY)
    assert (had.claimable_minor, had.claimed_minor) == (0, 1080)


def test_who_chose_the_bank_is_paid_by_the_bank(alice, bob, shared, earn, wallets, asked, noon):
    go_on_chain(alice, wallets, ALICES, now=noon)
    earn(shared, "order-line:1", noon)
    root = published(noon)

    assert ([line.added_minor for line in root.lines.all()], transfers()) == ([756], [324])
    choose_way(creator=alice, currency="USD", on_chain=False, now=noon)
    earn(shared, "order-line:2", noon + DAY)
    settle(now=noon + DAY)
    assert (PayoutRoot.objects.count(), transfers()) == (1, [324, 756, 324])


def test_each_line_is_where_its_money_went_first(alice, alices, earn, on_chain, asked, noon):
    earn(alices, "order-line:1", noon)
    root = published(noon)
    choose_way(creator=alice, currency="USD", on_chain=False, now=noon)
    earn(alices, "order-line:2", noon + DAY)
    settle(now=noon + DAY)
    earn(alices, "order-line:3", noon + 2 * DAY)

    lines, _after = lines_of(alice)
    assert [(line.source, line.state, line.root_id) for line in lines] == [
        ("order-line:3", "available", None),
        ("order-line:2", "paid", None),
        ("order-line:1", "on-chain", root.pk),
    ]
    assert [line.payout_id is None for line in lines] == [True, False, True]


def test_one_root_waits_at_a_time(alice, alices, earn, on_chain, asked, say, noon):
    earn(alices, "order-line:1", noon)
    first = published(noon)
    earn(alices, "order-line:2", noon)
    assert published(noon + HOUR) == first
    propose(say, first, noon + HOUR)
    assert published(noon + DAY) == first
    assert standing_of_root(first, now=noon + DAY).state == "waits"

    second = published(noon + DAY + HOUR)
    assert (second.number, second.added_minor, int(second.total_units)) == (2, 1080, 21_600_000)
    assert asked[-2]["args"] == (DISTRIBUTOR, 10_800_000)
    assert asked[-1]["args"] == (COIN, 21_600_000, bytes.fromhex(second.root[2:]))


def test_what_counts_can_be_claimed_and_is_booked_once(alice, shared, earn, on_chain, asked, say, noon):
    earn(shared, "order-line:1", noon)
    root = published(noon)
    [waiting] = claimable_of(alice, now=noon)
    assert (waiting.claimable_minor, waiting.waiting_minor, waiting.waits.state) == (0, 756, "asked")
    propose(say, root, noon)

    [counts] = claimable_of(alice, now=noon + DAY)
    assert (counts.claimable_minor, counts.waiting_minor, counts.claim.units) == (756, 0, 7_560_000)
    claimed = say("Claimed", account=ALICES, amount=7_560_000, at=noon + DAY)
    assert (hear_claims(now=noon + DAY), hear_claims(now=noon + DAY)) == (1, 0)
    [had] = on_chain_of(alice, now=noon + DAY)
    assert (had.claimable_minor, had.waiting_minor, had.claimed_minor) == (0, 0, 756)
    assert house()["chain_claims"] == -324
    assert house()["chain_escrow"] == 324

    # The same transaction in another block, after a reorganization.
    say("Claimed", account=ALICES, amount=7_560_000, at=noon + DAY, transaction=claimed.transaction)
    hear_claims(now=noon + DAY)
    assert Transaction.objects.filter(kind="chain_claimed").count() == 1
    assert ChainClaimed.objects.get(posted=None).repeats.event == claimed.pk


def test_a_vetoed_root_is_followed_by_one_over_the_same(alice, shared, earn, on_chain, asked, say, noon):
    earn(shared, "order-line:1", noon)
    first = published(noon)
    propose(say, first, noon)
    say("RootVetoed", root=first.root, guardian=DAVES, at=noon + HOUR)
    hear_claims(now=noon + HOUR)
    assert standing_of_root(first, now=noon + HOUR).state == "vetoed"

    assert published(noon + 2 * HOUR) == first
    [case] = open_cases()
    assert case.what == f"root {first.root} of token {COIN}: {first.name} was vetoed, and waits for your word"
    end_case(event=case.event, note="a false alarm", by="carol@example.org", now=noon + 2 * HOUR)
    second = published(noon + 2 * HOUR)
    assert (second.root, second.number, second.added_minor, second.transaction) == (first.root, 2, 0, None)
    assert [call["key"] for call in asked[2:]] == [f"{second.name}:propose:1"]  # the contract has the money
    propose(say, second, noon + 2 * HOUR)
    [counts] = claimable_of(alice, now=noon + DAY + 2 * HOUR)
    assert (counts.claimable_minor, counts.claim.root) == (756, second)
    assert house()["chain_claims"] == -1080


def test_a_wallet_that_moved_leaves_the_old_account_as_it_was(alice, alices, earn, on_chain, asked, say, wallets, noon):
    earn(alices, "order-line:1", noon)
    propose(say, published(noon), noon)
    wallets[alice] = DAVES
    earn(alices, "order-line:2", noon + DAY)
    second = published(noon + DAY)
    propose(say, second, noon + DAY)

    new, old = claimable_of(alice, now=noon + 2 * DAY)
    assert (new.account.address, new.claimable_minor) == (DAVES, 1080)
    assert (old.account.address, old.claimable_minor) == (ALICES, 1080)
    assert (second.accounts, int(second.total_units)) == (2, 21_600_000)


def test_two_creators_never_share_an_account(alice, bob, shared, earn, on_chain, asked, wallets, noon):
    earn(shared, "order-line:1", noon)
    published(noon)
    wallets[bob] = ALICES
    choose_way(creator=bob, currency="USD", on_chain=False, now=noon)
    with pytest.raises(UnableToChooseWay, match="another creator"):
        choose_way(creator=bob, currency="USD", on_chain=True, now=noon)


def test_holds_thresholds_and_schedules_count_on_chain_too(alice, bob, shared, earn, on_chain, asked, say, noon):
    hold(bob)
    earn(shared, "order-line:1", noon)
    first = published(noon)
    assert [line.account.creator for line in first.lines.all()] == [alice]
    propose(say, first, noon)
    release_payouts(key="hold:1", by="carol@example.org", now=noon)
    policy(threshold_minor=3_25)
    assert published(noon + 2 * DAY) == first

    policy(threshold_minor=1)
    second = published(noon + 2 * DAY)
    assert [(line.account.creator, line.added_minor) for line in second.lines.all()] == [(bob, 324)]


def test_a_day_has_one_root(alice, alices, earn, on_chain, asked, say, settings, noon):
    settings.PAYOUT_SCHEDULE = "monthly:1"
    earn(alices, "order-line:1", noon)
    first = published(noon)
    propose(say, first, noon)
    earn(alices, "order-line:2", noon + DAY)

    assert published(noon + 2 * DAY) == first
    assert published(noon.replace(month=12, day=1)).number == 2


def test_a_currency_without_cents_has_units_of_its_own(alice, alices, earn, wallets, asked, noon):
    go_on_chain(alice, wallets, ALICES, now=noon, currency="JPY")
    earn(alices, "order-line:1", noon, currency="JPY")

    assert int(published(noon).total_units) == 1080 * 10**6


def test_without_a_wallet_or_a_token_nobody_is_paid_on_chain(alice, wallets, noon):
    for currency, why in (("USD", "no wallet"), ("EUR", "stands for EUR"), ("XXX", "not a currency")):
        with pytest.raises(UnableToChooseWay, match=why):
            choose_way(creator=alice, currency=currency, on_chain=True, now=noon)
    assert choose_way(creator=alice, currency="USD", on_chain=False, now=noon) is None
    assert not PayoutWay.objects.exists()


def test_who_lost_their_wallet_waits(alice, alices, earn, on_chain, asked, wallets, noon):
    del wallets[alice]
    earn(alices, "order-line:1", noon)
    assert published(noon) is None
    assert asked == []
    assert [balance.available_minor for balance in balances_of(alice)] == [1080]


def test_a_root_by_a_stolen_settler_key_is_named_and_vetoed(alice, alices, earn, on_chain, asked, say, noon, caplog):
    earn(alices, "order-line:1", noon)
    ours = published(noon)
    propose(say, ours, noon)
    stolen = "0x" + "66" * 32
    theirs = say("RootProposed", root=stolen, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)

    assert f"{stolen} of token {COIN} was proposed in {theirs.transaction} and is not ours" in caplog.text
    assert check_books() == [
        f"The payout root {stolen} of token {COIN} was proposed in {theirs.transaction},"
        " is not ours and was not vetoed."
    ]
    assert [(call["role"], call["function"], call["args"], call["done"]) for call in asked[2:]] == [
        ("guardian", "veto", (COIN,), ("NoRootWaits",))
    ]
    say("RootVetoed", root=stolen, guardian=DAVES, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert check_books() == []
    [counts] = claimable_of(alice, now=noon + 3 * DAY)
    assert (counts.claim.root, counts.claimable_minor) == (ours, 1080)


def test_our_own_root_proposed_once_more_by_a_thief_is_not_ours(alices, earn, on_chain, asked, say, noon):
    earn(alices, "order-line:1", noon)
    ours = published(noon)
    propose(say, ours, noon)
    say("RootProposed", root=ours.root, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert len(check_books()) == 1
    say("RootVetoed", root=ours.root, guardian=DAVES, at=noon + 2 * DAY)
    hear_claims(now=noon + 2 * DAY)
    assert standing_of_root(ours, now=noon + 2 * DAY).state == "counts"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE payouts_root SET root = root", "payouts_root_append_only"),
        ("DELETE FROM payouts_root_line", "payouts_root_line_append_only"),
        ("UPDATE payouts_chain_account SET place = 9", "payouts_chain_account_append_only"),
        ("DELETE FROM payouts_way", "payouts_way_append_only"),
        ("TRUNCATE payouts_chain_claimed CASCADE", "payouts_chain_claimed_append_only"),
        ("DELETE FROM payouts_root_tree", "payouts_root_tree_append_only"),
    ],
    ids=lambda value: value[:40],
)
def test_the_database_refuses(shared, earn, on_chain, asked, noon, statement, constraint):
    earn(shared, "order-line:1", noon)
    published(noon)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert refusal.value.__cause__.diag.constraint_name == constraint


def test_a_line_adds_to_what_was_given(alices, earn, on_chain, asked, noon):
    earn(alices, "order-line:1", noon)
    root = published(noon)
    bobs = ChainAccount.objects.create(book=root.book, creator=root.lines.get().account.creator, address=DAVES, **NEXT)
    for added, cumulative, constraint in [(1, 2, "adds_up"), (1, 1, "within_root")]:
        with pytest.raises(DatabaseError) as refusal, transaction.atomic():
            PayoutRootLine.objects.create(
                root=root,
                account=bobs,
                added_minor=added,
                cumulative_minor=cumulative,
                released_through_id=root.lines.get().released_through_id,
            )
        assert refusal.value.__cause__.diag.constraint_name == f"payouts_root_line_{constraint}"


def test_a_root_is_what_it_took(shared, earn, on_chain, asked, noon):
    earn(shared, "order-line:1", noon)
    root = published(noon)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    said = PayoutRoot.objects.filter(pk=root.pk).values().get()
    del said["id"]
    with pytest.raises(DatabaseError, match="does not stand on its tree"), transaction.atomic():
        PayoutRoot.objects.create(**{**said, "number": 2, "transaction_id": None, "added_minor": 0})
    with pytest.raises(DatabaseError, match="follows no other"), transaction.atomic():
        PayoutRoot.objects.create(**{**said, "number": 3, "transaction_id": None, "added_minor": 0})
