"""What the worker does for the books: allocate royalties, release holds and reserves, settle, close months, check."""

from django.conf import settings
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from marketplace.payouts import chain_findings, letters, operations, proving, wallets
from marketplace.payouts.bookkeeping import chain_sales, settlement
from marketplace.payouts.checks import asking
from marketplace.payouts.connected import going_on, recovering, watching
from marketplace.payouts.connected.accounts import is_connected_rail


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="payouts.allocate", pass_context=False)
def allocate(timestamp: int) -> None:
    """Allocates new sales to their payees and moves what is no longer held to available."""
    operations.allocate_royalties(now=timezone.now())
    operations.release_holds(now=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="payouts.recognize", pass_context=False)
def recognize(timestamp: int) -> None:
    """Makes sales of what was paid ahead, as its time passes."""
    operations.recognize_periods(now=timezone.now())


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="payouts.book_vault", pass_context=False)
def book_vault(timestamp: int) -> None:
    """Books what the vault on the chain took in and gave out."""
    chain_sales.book_vault(now=timezone.now())


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="payouts.hear_claims", pass_context=False)
def hear_claims(timestamp: int) -> None:
    """Takes in what the chain said of payout roots and claims; each is booked once."""
    operations.hear_claims(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="payouts.settle", pass_context=False)
def settle(timestamp: int) -> None:
    """Pays what is due, every PAYOUT_EVERY_MINUTES, with reserves that are over; what a killed run left goes first."""
    if timestamp // 60 % settings.PAYOUT_EVERY_MINUTES == 0:
        operations.release_reserves(now=timezone.now())
        operations.settle(now=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="payouts.checks", pass_context=False)
def check_creators(timestamp: int) -> None:
    """Asks for the checks that are wanted before creators are paid, and how those that are open stand."""
    asking.require_checks(now=timezone.now())
    asking.lift_checks(now=timezone.now())
    asking.ask_checks(now=timezone.now())


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="payouts.assess_risk", pass_context=False)
def assess_risk(timestamp: int) -> None:
    """Finds every hour at which level of risk each creator is."""
    operations.assess_risk(now=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="payouts.go_on", pass_context=False)
def go_on(timestamp: int) -> None:
    """Brings payouts over Stripe on their way: what was not answered, to the banks, and back from them."""
    if is_connected_rail():
        settlement.send_open(now=timezone.now())
        going_on.go_on(now=timezone.now())


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="payouts.watch_accounts", pass_context=False)
def watch_accounts(timestamp: int) -> None:
    """Asks every night how creators' accounts, their balances and bank payouts stand, and recovers old debts."""
    if is_connected_rail():
        watching.watch(now=timezone.now())
        recovering.recover_debts(now=timezone.now())


@app.periodic(cron="* * * * * */10")
@app.task(queueing_lock="payouts.wallets", pass_context=False)
def take_wallets(timestamp: int) -> None:
    """Takes in what the chain said of creators' wallets, and has stopped what no creator proved."""
    wallets.take_changes(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="payouts.watch_anchors", pass_context=False)
def watch_anchors(timestamp: int) -> None:
    """Finds anchors that are not ours, which only a stolen key can send, and has the operators told."""
    chain_findings.watch_anchors(now=timezone.now())


@app.task(
    name="payouts.tell_of_anchor", retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})
)
def tell_of_anchor(event_id: int, address: str, language: str) -> None:
    """Writes one operator of an anchor that is not ours."""
    chain_findings.send_anchor_letter(event_id=event_id, address=address, language=language)


@app.periodic(cron="29 * * * *")
@app.task(queueing_lock="payouts.check_chain", pass_context=False)
def check_chain(timestamp: int) -> None:
    """Compares wallets, splits and what was read of the chain with what we know, and logs what does not fit."""
    chain_findings.say_findings(now=timezone.now())


@app.periodic(cron="*/2 * * * *")
@app.task(queueing_lock="payouts.checkpoints", pass_context=False)
def checkpoints(timestamp: int) -> None:
    """Keeps the sums of the house's accounts, so that reading them costs what came since and not all there is."""
    operations.take_checkpoints(now=timezone.now())


@app.periodic(cron="7 * * * *")
@app.task(queueing_lock="payouts.close", pass_context=False)
def close(timestamp: int) -> None:
    """Closes every month that is over, and states the roots of its statements in the log."""
    operations.close_months(now=timezone.now())


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="payouts.check", pass_context=False)
def check(timestamp: int) -> None:
    """Proves the books every hour; while there are problems nothing is paid, and operators are told."""
    proving.prove_books(now=timezone.now())


# A mail server that is away takes the letter later. A worker that is killed meanwhile does not send it again.
@app.task(
    name="payouts.tell_of_books", retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})
)
def tell_of_books(check_id: int, occasion: str, address: str, language: str) -> None:
    """Writes one operator what a proof of the books found."""
    proving.send_letter(check_id=check_id, occasion=occasion, address=address, language=language)


@app.task(
    name="payouts.tell_of_payout", retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})
)
def tell_of_payout(outcome_id: int) -> None:
    """Writes a creator of a payout that failed or came back."""
    letters.send_letter(outcome_id=outcome_id)
