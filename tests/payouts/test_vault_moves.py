"""Money that never came to us: a vault on a chain takes it in and gives it out, and the books say so to the unit."""

from itertools import count

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.suite import Suite, Token
from ledger.event_models import ChainEvent, ChainEventLost
from marketplace.payouts import vault_rules
from marketplace.payouts.bookkeeping import chain_sales
from marketplace.payouts.bookkeeping.books import constraint_of
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from marketplace.payouts.models import AccountKind, AwaitingAllocation, Posting, Sale, Transaction, VaultMove
from marketplace.payouts.operations import allocate_royalties
from marketplace.payouts.queries import check_books, house_sum
from tests.payouts.tampering import tamper

ESCROW, CLAIMS, FEE = AccountKind.CHAIN_ESCROW, AccountKind.CHAIN_CLAIMS, AccountKind.PLATFORM_FEE
VAULT, MARKET, COIN, WALLET = (f"0x{number:040x}" for number in (1, 2, 3, 4))
SUITE = Suite(
    chain_id=31337,
    addresses={"SplitVault": VAULT, "LicenseMarket": MARKET},
    block_number=1,
    tokens={"USD": Token(address=COIN, symbol="tUSD", decimals=6, currency="USD")},
)
CENT = 10_000
RELEASE = "ab" * 32


@pytest.fixture(autouse=True)
def _on_a_chain(monkeypatch):
    monkeypatch.setattr(chain_sales, "suite", lambda: SUITE)


@pytest.fixture
def happens(db, noon):
    """Writes an event of a contract as the follower does, in the next transaction or in the same as the last."""
    numbers = count(1)

    def happens(contract, event, same=False, **args):
        number = next(numbers)
        tx = ChainEvent.objects.order_by("-id").first().transaction if same else f"0x{number:064x}"
        return ChainEvent.objects.create(
            chain_id=31337,
            contract=contract,
            address=SUITE.address(contract),
            event=event,
            args=args,
            transaction=tx,
            log_index=number,
            block_number=1,
            block_hash="0x" + "0" * 64,
            block_time=noon,
            seen_at=noon,
        )

    return happens


@pytest.fixture
def sold(happens):
    """One license is sold: the market says so, and then the vault says what it took in."""
    numbers = count(1)

    def sold(split, price, fee):
        happens(
            "LicenseMarket",
            "LicenseSold",
            seq=next(numbers),
            offer="0x" + "11" * 16,
            licensee=WALLET,
            buyer=WALLET,
            release="0x" + RELEASE,
            terms="0x" + "cd" * 32,
            licenseeCommitment="0x" + "00" * 32,
            token=COIN,
            price=price,
            fee=fee,
        )
        taken = {"split": "0x" + split.digest, "token": COIN, "amount": price, "fee": fee}
        return happens("SplitVault", "Absorbed", same=True, **taken)

    return sold


def sums():
    """Tells what lies in the vault, what of it is claimed by nobody yet, and what fees came to."""
    names = ((ESCROW, "vault:tUSD", 1), (CLAIMS, "vault:tUSD", -1), (FEE, "", -1))
    return tuple(sign * house_sum(kind, "USD", detail) for kind, detail, sign in names)


def written():
    return Transaction.objects.count(), Posting.objects.count(), VaultMove.objects.count()


def minor(move):
    return move.amount_minor, move.fee_minor


def test_a_sale_on_chain_is_booked_once_and_awaits_no_allocation(shared, sold, noon):
    sold(shared, 1999 * CENT, 1_999_000)  # $19.99, of which 10 % are 199.9 cents
    assert book_vault(now=noon) == 1
    assert book_vault(now=noon) == 0
    move = VaultMove.objects.get()
    sale = ChainEvent.objects.get(event="LicenseSold")
    assert move.source == f"chain-sale:{sale.transaction[2:]}:0"
    assert (move.subject, move.split_digest) == (f"release:{RELEASE}", shared.digest)
    assert minor(move) == (19_99, 1_99)
    assert Transaction.objects.get().kind == "chain_sale"
    assert sums() == (19_99, 18_00, 1_99)
    # No creator is paid from the bank for it as well.
    assert (Sale.objects.count(), AwaitingAllocation.objects.count()) == (0, 0)
    assert allocate_royalties(now=noon) == []
    assert check_books() == []


def test_fractions_of_a_cent_add_up_and_no_whole_one_is_lost(shared, sold, noon):
    for _ in range(10):
        sold(shared, 1999 * CENT, 1_999_000)
    assert book_vault(now=noon) == 10
    fees = [move.fee_minor for move in VaultMove.objects.order_by("id")]
    # 199.9 cents each are 1999 cents in ten, and each sale adds the whole cents that the sum passes.
    assert fees == [199, 200, 200, 200, 200, 200, 200, 200, 200, 200]
    assert [move.amount_minor for move in VaultMove.objects.all()] == [19_99] * 10
    assert sums() == (199_90, 179_91, 19_99)
    assert check_books() == []


def test_what_payees_and_the_house_take_out_leaves_nothing(shared, alice, bob, sold, happens, noon):
    sold(shared, 1999 * CENT, 1_999_000)
    pot = 1999 * CENT - 1_999_000
    parts = {alice: pot * 7 // 10, bob: pot * 3 // 10}
    assert sum(parts.values()) == pot == 17_991_000
    for creator, amount in parts.items():
        happens("SplitVault", "Withdrawn", payee="0x" + creator.pk.hex, token=COIN, to=WALLET, amount=amount)
    happens("SplitVault", "HouseWithdrawn", token=COIN, to=WALLET, amount=1_999_000)
    assert book_vault(now=noon) == 4
    outs = VaultMove.objects.filter(flow="out").order_by("id")
    # 1259.37 and 539.73 cents, 1799.1 together: of the sum the whole cents.
    assert [(move.payee, move.amount_minor) for move in outs] == [(alice.pk, 12_59), (bob.pk, 5_40)]
    assert VaultMove.objects.get(flow="house").amount_minor == 1_99
    # Three fractions were rounded down: less than two cents can be left, whatever was sold.
    assert sums() == (19_99 - 17_99 - 1_99, 1, 1_99)
    assert house_sum(ESCROW, "USD", "treasury:tUSD") == 1_99
    assert check_books() == []


def test_what_is_paid_to_a_split_without_a_sale_is_its_payees_and_booked_so(shared, happens, noon):
    happens("SplitVault", "Absorbed", split="0x" + shared.digest, token=COIN, amount=CENT // 2, fee=0)
    happens("SplitVault", "Absorbed", split="0x" + "99" * 32, token=COIN, amount=3 * CENT // 2, fee=CENT)
    assert book_vault(now=noon) == 2
    half, rest = VaultMove.objects.order_by("id")
    assert (half.transaction_id, minor(half)) == (None, (0, 0))
    assert (minor(rest), rest.subject, rest.transaction.kind) == ((2, 1), "", "chain_paid")
    assert check_books() == []


def test_a_fee_may_pass_a_whole_cent_where_the_amount_does_not(happens, noon):
    names = {"split": "0x" + "99" * 32, "token": COIN}
    happens("SplitVault", "Absorbed", amount=CENT, fee=CENT * 9 // 10, **names)
    happens("SplitVault", "Absorbed", amount=CENT // 2, fee=CENT // 2, **names)
    assert book_vault(now=noon) == 2
    assert [minor(move) for move in VaultMove.objects.order_by("id")] == [(1, 0), (0, 1)]
    assert sums() == (1, 0, 1)
    assert check_books() == []


def test_two_sales_in_one_transaction_are_two(shared, sold, noon):
    sold(shared, 500 * CENT, 50 * CENT)
    first = ChainEvent.objects.filter(event="LicenseSold").get().transaction
    sold(shared, 500 * CENT, 50 * CENT)
    tamper(f"UPDATE ledger_chain_event SET transaction = '{first}'")
    assert book_vault(now=noon) == 2
    assert list(VaultMove.objects.order_by("id").values_list("source", "number")) == [
        (f"chain-sale:{first[2:]}:0", 0),
        (f"chain-sale:{first[2:]}:1", 1),
    ]


def test_a_token_that_nobody_knows_is_not_counted(shared, happens, noon, caplog):
    happens("SplitVault", "Absorbed", split="0x" + shared.digest, token=WALLET, amount=5, fee=0)
    before = written()
    assert book_vault(now=noon) == 0
    assert written() == before
    assert "not counted" in caplog.text
    caplog.clear()
    assert book_vault(now=noon) == 0  # it is passed by for good
    assert caplog.text == ""


def mined_again(event, log_index):
    """What the follower writes when the chain took an event back and has it in another block."""
    event = ChainEvent.objects.get(pk=event.pk)
    ChainEventLost.objects.create(event=event, lost_at=event.seen_at)
    event.pk, event.log_index, event.block_hash = None, log_index, "0x" + "f" * 64
    event.save(force_insert=True)
    return event


def test_what_was_mined_again_is_booked_once(shared, alice, sold, happens, noon, caplog):
    taken = sold(shared, 500 * CENT, 50 * CENT)
    gone = happens("SplitVault", "Withdrawn", payee="0x" + alice.pk.hex, token=COIN, to=WALLET, amount=100 * CENT)
    assert book_vault(now=noon) == 2
    before = written(), sums()
    mined_again(ChainEvent.objects.get(event="LicenseSold"), 70)
    mined_again(taken, 71)
    mined_again(gone, 3)
    assert book_vault(now=noon) == 0
    assert (written(), sums()) == before
    assert caplog.text == ""
    # What comes after it is booked as ever, and what is not the same any more is said.
    sold(shared, 500 * CENT, 50 * CENT)
    assert book_vault(now=noon) == 1
    newest = ChainEvent.objects.filter(event="Withdrawn").latest("id")
    tamper(f"UPDATE ledger_chain_event SET args = args || '{{\"amount\": 1}}' WHERE id = {newest.pk}")
    mined_again(newest, 4)
    assert book_vault(now=noon) == 0
    assert "mined again as something else" in caplog.text
    assert check_books() == []


def test_nothing_is_booked_before_there_are_contracts(monkeypatch, db, noon):
    monkeypatch.setattr(chain_sales, "suite", lambda: None)
    assert book_vault(now=noon) == 0


def test_a_move_that_does_not_follow_is_refused_by_the_database(shared, sold, noon):
    sold(shared, 500 * CENT, 50 * CENT)
    book_vault(now=noon)
    move = VaultMove.objects.get()
    before = written()
    for change, name in (
        ({"amount_total_units": 500 * CENT + 1}, "payouts_vault_move_adds_up"),
        ({"amount_total_units": 1000 * CENT, "amount_minor": 5_01}, "payouts_vault_move_adds_up"),
        ({"amount_total_units": 1000 * CENT, "fee_minor": 51}, "payouts_vault_move_adds_up"),
        ({"amount_total_units": 1000 * CENT, "unit": CENT * 10}, "payouts_vault_move_adds_up"),
        ({"amount_total_units": 1000 * CENT, "fee_total_units": 100 * CENT}, "payouts_vault_move_is_what_it_posts"),
        ({}, "payouts_vault_moves_follow_each_other"),
    ):
        other = VaultMove.objects.get()
        other.pk, other.event_id, other.number, other.source = None, 99, 99, "chain-sale:0:9"
        other.transaction_id = transaction_of_a_cent(move)
        for field, value in change.items():
            setattr(other, field, value)
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            other.save(force_insert=True)
        assert constraint_of(refused.value) == name
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        VaultMove.objects.update(amount_minor=1)
    assert constraint_of(refused.value) == "payouts_vault_move_append_only"
    assert VaultMove.objects.count() == before[2]


def transaction_of_a_cent(move):
    """Posts a bank transfer, which is not what any move here is."""
    from marketplace.payouts.bookkeeping.books import credit, debit, post

    count_ = Transaction.objects.count()
    legs = [debit(AccountKind.BANK, 1), credit(AccountKind.PSP_BALANCE, 1)]
    key = f"test:{count_}"
    return post(kind="bank_transfer", source=key, idem_key=key, currency="USD", legs=legs, now=move.recorded_at)


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        ("UPDATE payouts_vault_move SET amount_units = amount_units + 1 WHERE flow = 'in'", "running totals"),
        ("UPDATE payouts_vault_move SET fee_minor = fee_minor + 1 WHERE flow = 'in'", "fees of"),
        (
            "UPDATE payouts_vault_move SET amount_minor = amount_minor - 1 WHERE flow = 'in'",
            "minor units are booked as in",
        ),
        ("UPDATE payouts_vault_move SET detail = 'vault:other' WHERE flow = 'out'", "more than one way"),
        ("DELETE FROM payouts_vault_move WHERE flow = 'out'", "booked as claims that are open"),
        ("DELETE FROM payouts_vault_move WHERE flow = 'in'", "there is no such chain_sale"),
    ],
)
def test_books_that_disagree_with_the_vault_are_named(shared, alice, sold, happens, noon, tampering, told):
    sold(shared, 500 * CENT, 50 * CENT)
    happens("SplitVault", "Withdrawn", payee="0x" + alice.pk.hex, token=COIN, to=WALLET, amount=100 * CENT)
    assert book_vault(now=noon) == 2
    assert check_books() == []
    tamper(tampering)
    assert any(told in problem for problem in check_books())


def test_units_of_tokens():
    assert vault_rules.unit_of(6, "USD") == 10_000
    assert vault_rules.unit_of(18, "JPY") == 10**18
    assert vault_rules.unit_of(1, "USD") is None
    assert vault_rules.unit_of(30, "USD") is None
    assert vault_rules.whole_minor(19_999, 20_001, 10_000) == 1


@given(
    unit=st.sampled_from([1, 10, 10_000, 10**16]),
    moves=st.lists(st.integers(1, 10**20), min_size=1, max_size=30),
    whole=st.integers(1, 10**6),
)
def test_any_number_of_moves_is_within_a_minor_unit_of_the_exact_sum(unit, moves, whole):
    had, booked = 0, 0
    for units in moves:
        booked += vault_rules.whole_minor(had, had + units, unit)
        had += units
    assert booked * unit <= had < (booked + 1) * unit
    assert vault_rules.whole_minor(had, had + whole * unit, unit) == whole
