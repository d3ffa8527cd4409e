"""A split has one name everywhere; what its works earn on chain is divided as the books divide, and taken out."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.chain.base import ChainUnavailable
from ledger.chain.jsonrpc import JsonRpc
from ledger.chain.reading import Reader
from ledger.chain.suite import Token
from ledger.models import Entry
from marketplace.payouts import split_proofs, vault_queries
from marketplace.payouts.bookkeeping.chain_sales import book_vault
from marketplace.payouts.models import Split
from marketplace.payouts.operations import ensure_split
from marketplace.payouts.rules import WHOLE_PPB, allocate
from marketplace.payouts.vault_queries import amount_text, split_on_chain, vault_of
from marketplace.people.models import Creator
from tests.ledger.chain.makers import deployed
from tests.payouts.cast import NOON, add_creator
from tests.payouts.wallets.conftest import Chain
from tests.payouts.wallets.test_wallets import KEY, WALLET


def paid(chain: Chain, split: Split, units: int) -> None:
    """Somebody pays a split on chain."""
    token = chain.suite.tokens["USD"].address
    vault = chain.suite.address("SplitVault")
    chain.contracts.send("ERC20", "approve", vault, units, at=token)
    chain.contracts.send("SplitVault", "pay", bytes.fromhex(split.digest), token, units)


def sent(chain: Chain, data: bytes) -> None:
    """Anybody sends what the page would have their wallet send."""
    from ledger.chain.sender import Sender
    from tests.ledger.chain.makers import BRISK

    sender = Sender(chain.reader.rpc, key=chain.contracts.place.key, chain_id=chain.suite.chain_id, patience=BRISK)
    signed, _ = sender.prepare(to=chain.suite.address("SplitVault"), data=data)
    sender.send(signed)
    assert sender.wait(signed)["status"] == "0x1"


def test_a_split_has_the_same_32_bytes_in_database_log_and_vault(chain: Chain, shared: Split) -> None:
    found = split_on_chain(shared.digest)
    entry = Entry.objects.get(subject=f"split:{shared.digest}")

    assert found.agrees
    assert found.vault_digest == shared.digest == entry.statement["split"]
    written = f'{{"format":"worldloom/split/1","shares":{entry.statement["shares"]}}}'.replace("'", '"').replace(
        " ", ""
    )
    assert hashlib.sha256(written.encode()).hexdigest() == shared.digest
    assert found.receiver == chain.reader.view("RoyaltyReceiverFactory", "receiverOf", bytes.fromhex(shared.digest))
    assert [(pot.token.symbol, pot.amount_units) for pot in found.pots] == [("tUSD", 0)]
    assert list(split_proofs.differences(chain.reader)) == []


def test_many_payees_have_one_name_too(chain: Chain, alice: Creator) -> None:
    """More than the log states one by one, in an order that is not their making's."""
    own = {add_creator(f"weaver-{number}", 500 - number): 10_000_000 + number for number in range(59)}
    own[alice] = WHOLE_PPB - sum(own.values())
    split = ensure_split(own=own, parents=[], now=NOON)

    assert Entry.objects.get(subject=f"split:{split.digest}").statement["payees"] == 60
    assert split_on_chain(split.digest, ask=chain.reader).agrees
    assert list(split_proofs.differences(chain.reader, digests=[split.digest])) == []


def test_a_pot_is_divided_as_the_books_divide_and_taken_out(
    chain: Chain, shared: Split, alice: Creator, bob: Creator
) -> None:
    chain.bind(alice, KEY)
    token = chain.suite.tokens["USD"]
    paid(chain, shared, 10_010_001)

    found = split_on_chain(shared.digest, ask=chain.reader)
    (pot,) = found.pots
    assert pot.amount_units == 10_010_001
    assert pot.parts_units == ((alice.pk, 7_007_001), (bob.pk, 3_003_000))
    _, ppb = vault_queries.arguments_of([(alice.pk, 700_000_000), (bob.pk, 300_000_000)])
    told = chain.reader.view("SplitVault", "partsOf", 10_010_001, ppb)
    assert list(told) == [units for _, units in allocate(10_010_001, [(alice.pk, ppb[0]), (bob.pk, ppb[1])])]

    before = vault_of(alice.pk, ask=chain.reader)
    assert (before.wallet, [one.amount_units for one in before.balances]) == (WALLET, [0])
    (undivided,) = before.undivided
    assert (undivided.split, undivided.part_units) == (shared.digest, 7_007_001)
    sent(chain, undivided.distribute)

    after = vault_of(alice.pk, ask=chain.reader)
    assert ([one.amount_units for one in after.balances], after.undivided) == ([7_007_001], ())
    sent(chain, after.balances[0].withdraw)
    assert chain.reader.view("ERC20", "balanceOf", WALLET, at=token.address) == 7_007_001
    assert [one.amount_units for one in vault_of(alice.pk, ask=chain.reader).balances] == [0]
    bobs = vault_of(bob.pk, ask=chain.reader)
    assert (bobs.wallet, [one.amount_units for one in bobs.balances]) == ("", [3_003_000])


def changed(table: str, words: str) -> None:
    """Somebody with the keys of the machine changes a fact behind our back."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(f"UPDATE {table} SET {words}")
        cursor.execute("SET session_replication_role = origin")


def test_shares_that_were_changed_in_the_database_are_named(
    chain: Chain, shared: Split, alice: Creator, bob: Creator, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("check_splits")
    assert capsys.readouterr().out == "splits ok: 1 with one name each in database, log and chain\n"

    changed("payouts_split_share", f"share_ppb = CASE payee_id WHEN '{alice.pk}' THEN 300000000 ELSE 700000000 END")

    told = split_on_chain(shared.digest, ask=chain.reader)
    assert not told.agrees
    assert list(split_proofs.differences(chain.reader)) == [
        f"Split {shared.digest}: the database's shares are those of {told.vault_digest}.",
        f"Split {shared.digest}: the log states other shares than the database has.",
        f"Split {shared.digest}: SplitVault calls the database's shares {told.vault_digest}.",
    ]
    with pytest.raises(CommandError, match="SplitVault calls the database's shares"):
        call_command("check_splits", shared.digest)


def test_shares_that_are_none_are_named_as_the_vault_names_them(chain: Chain, shared: Split) -> None:
    changed("payouts_split_share", "share_ppb = 300000000")

    said = list(split_proofs.differences(chain.reader))
    assert len(said) == 3
    assert said[0].startswith(f"Split {shared.digest}: the database's shares are none: ")
    assert said[2] == f"Split {shared.digest}: SplitVault.splitOf answers with SharesDoNotSum(600000000)."
    assert split_on_chain(shared.digest, ask=chain.reader).refusal.endswith("SharesDoNotSum(600000000).")


def test_a_split_that_the_log_does_not_have_is_named(chain: Chain, shared: Split) -> None:
    changed("ledger_entry", "subject = 'split:' || repeat('0', 64)")

    assert list(split_proofs.differences(None)) == [f"Split {shared.digest} is not stated in the log."]
    assert list(split_proofs.differences(None, digests=["ab" * 32])) == [
        f"Split {'ab' * 32} is not in the database.",
    ]


def test_a_chain_that_is_away_is_said_to_be_unknown(chain: Chain, shared: Split, settings: Any) -> None:
    away = Reader(JsonRpc("http://127.0.0.1:9", timeout_seconds=1), chain.suite)
    for _ in range(2):
        with pytest.raises(ChainUnavailable, match="127.0.0.1:9 cannot be reached"):
            split_on_chain(shared.digest, ask=away)
    # The failure is kept for some seconds: the next page does not wait for it again.
    with pytest.raises(ChainUnavailable, match="127.0.0.1:9 cannot be reached"):
        split_on_chain(shared.digest)
    assert split_on_chain(shared.digest, ask=chain.reader).agrees
    assert split_on_chain(shared.digest).agrees
    settings.CHAIN_RPC_URL = "http://127.0.0.1:9"
    with pytest.raises(CommandError, match="--without-chain leaves it out"):
        call_command("check_splits")


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 6, "0.00"),
        (7_007_001, 6, "7.007001"),
        (7_000_000, 6, "7.00"),
        (7_100_000, 6, "7.10"),
        (1_234_567_890_000, 6, "1,234,567.89"),
        (2**120, 18, "1,329,227,995,784,915,872.903807060280344576"),
        (5, 2, "0.05"),
    ],
)
def test_amounts_are_written_to_the_unit(units: int, decimals: int, text: str) -> None:
    token = Token(address="0x" + "00" * 20, symbol="tUSD", decimals=decimals, currency="USD")

    assert amount_text(units, token) == f"{text}\N{NO-BREAK SPACE}tUSD"


def test_the_command_divides_and_withdraws_for_whoever_pays_the_gas(
    chain: Chain, shared: Split, alice: Creator, bob: Creator, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    token = chain.suite.tokens["USD"]
    paid(chain, shared, 10_010_001)
    daves = tmp_path / "dave.key"
    daves.write_text("0x" + chain.contracts.wallet().hex())

    call_command("vault", creator="alice")
    assert capsys.readouterr().out.splitlines() == [
        "wallet: none",
        "to withdraw: 0.00\N{NO-BREAK SPACE}tUSD",
        f"in the pot of {shared.digest}: 10.010001\N{NO-BREAK SPACE}tUSD, of which 7.007001\N{NO-BREAK SPACE}tUSD",
    ]
    with pytest.raises(CommandError, match="has no wallet that counts yet"):
        call_command("vault", creator="alice", withdraw=True, key_file=str(daves))
    with pytest.raises(CommandError, match="Say with --key-file"):
        call_command("vault", creator="alice", withdraw=True)
    chain.bind(alice, KEY)
    capsys.readouterr()

    call_command("vault", creator="alice", withdraw=True, key_file=str(daves))
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"divided {shared.digest} in transaction 0x")
    assert said[1].startswith(f"withdrew 7.007001\N{NO-BREAK SPACE}tUSD to {WALLET} in transaction 0x")
    assert said[2:] == [f"wallet: {WALLET}", "to withdraw: 0.00\N{NO-BREAK SPACE}tUSD"]
    assert chain.reader.view("ERC20", "balanceOf", WALLET, at=token.address) == 7_007_001
    assert chain.reader.view("SplitVault", "balanceOf", bob.pk.bytes, token.address) == 3_003_000


def test_what_lies_in_a_vault_that_another_replaced_is_taken_out_as_well(
    chain: Chain, shared: Split, alice: Creator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any
) -> None:
    """A second suite has the first one's vault as its former; Alice's pot lies there, her wallet is bound there."""
    chain.bind(alice, KEY)
    paid(chain, shared, 2_000_000)
    old = chain.suite.address("SplitVault")
    fresh = deployed(chain.contracts.place, tmp_path / "second")
    former = (("SplitVault", old), ("Payees", chain.suite.address("Payees")))
    found = replace(fresh.suite, former=former, tokens=chain.suite.tokens)
    ask = Reader(chain.reader.rpc, found)

    before = vault_of(alice.pk, ask=ask)
    assert [(one.vault, one.amount_units, one.wallet) for one in before.balances] == [
        (found.address("SplitVault"), 0, "")
    ]
    (undivided,) = before.undivided
    assert (undivided.vault, undivided.part_units) == (old, 1_400_000)
    sent(chain, undivided.distribute)

    after = vault_of(alice.pk, ask=ask)
    assert [(one.vault, one.is_former, one.amount_units, one.wallet) for one in after.balances] == [
        (found.address("SplitVault"), False, 0, ""),
        (old, True, 1_400_000, WALLET),
    ]
    assert after.undivided == ()
    sent(chain, after.balances[1].withdraw)
    assert chain.reader.view("ERC20", "balanceOf", WALLET, at=chain.suite.tokens["USD"].address) == 1_400_000


def test_a_pot_of_an_old_split_is_found_by_what_was_paid_into_it(
    chain: Chain, shared: Split, alice: Creator, bob: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(chain, shared, 1_000_000)
    chain.turn()
    book_vault(now=chain.now)
    ensure_split(own={alice: 400_000_000, bob: 600_000_000}, parents=[], now=chain.now)
    monkeypatch.setattr(vault_queries, "NEWEST_SPLITS", 1)

    (undivided,) = vault_of(alice.pk, ask=chain.reader).undivided
    assert (undivided.split, undivided.part_units) == (shared.digest, 700_000)
