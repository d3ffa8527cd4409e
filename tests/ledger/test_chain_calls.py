"""What an operator sees of the outbox to the chain, and what can be taken back by hand."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from ledger.chain_models import ChainAttempt, ChainDue
from ledger.chain_queries import call_of, standing_of
from ledger.operations import ask_chain, deliver
from tests.ledger.makers import NOW
from tests.ledger.paper import PaperChain

pytestmark = pytest.mark.django_db


def ask(key: str) -> None:
    ask_chain(
        key=key,
        role="keeper",
        contract="ERC20",
        function="transfer",
        args=("0x" + "0d" * 20, 7),
        subject="story",
        now=NOW,
        address="0x" + "c0" * 20,
        chain_id=1337,
        later=["ERC20InsufficientBalance"],
    )


def test_what_waits_is_listed_with_its_reason(chain: PaperChain, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("chain_calls")
    assert capsys.readouterr().out == "0 in all.\n"
    ask("a")
    chain.refuses, chain.refuses_by = "ERC20InsufficientBalance(0, 7)", "ERC20InsufficientBalance"
    deliver(now=NOW)
    call_command("chain_calls")
    assert capsys.readouterr().out == (
        "a  keeper  ERC20.transfer  waiting: ERC20InsufficientBalance(0, 7)\n1 in all.\n"
    )


def test_what_nothing_was_signed_for_is_taken_back(chain: PaperChain, capsys: pytest.CaptureFixture[str]) -> None:
    ask("a")
    with pytest.raises(CommandError, match="Say why"):
        call_command("chain_calls", "--withdraw", "a")
    with pytest.raises(CommandError, match=r"There is no call b\."):
        call_command("chain_calls", "--withdraw", "b", "--because", "it is late")
    assert ChainDue.objects.count() == 1
    call_command("chain_calls", "--withdraw", "a", "--because", "it is late")
    assert capsys.readouterr().out == "a is taken back.\n"
    call = call_of("a")
    assert call is not None
    assert (standing_of(call).state, standing_of(call).reason) == ("refused", "it is late")
    assert deliver(now=NOW).sent == 0
    assert chain.blocks == []


def test_what_was_signed_stays(
    chain: PaperChain, settings: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.CHAIN_CONFIRMATIONS = 2
    ask("a")
    deliver(now=NOW)
    with pytest.raises(CommandError, match="a cannot be taken back: a transaction was signed for it"):
        call_command("chain_calls", "--withdraw", "a", "--because", "it is late")
    call_command("chain_calls")
    digest = ChainAttempt.objects.get().digest
    assert capsys.readouterr().out == f"a  keeper  ERC20.transfer  mined 1 of 2 {digest}\n1 in all.\n"
