"""What the worker does for orders: finish what is open, hear gateway and chain, renew subscriptions, bill use."""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from marketplace.checkout import (
    billing,
    billing_letters,
    chain_cases,
    chain_sales,
    inquiries,
    operations,
    past_due,
    renewing,
)
from marketplace.checkout import desk_tasks as desk_tasks  # more tasks, found by being imported here
from marketplace.checkout.papers import operations as papers
from marketplace.checkout.reconciling import tasks as reconciling_tasks  # noqa: F401 (more tasks of this app)


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="checkout.attend", pass_context=False)
def attend(timestamp: int) -> None:
    """Finishes open orders and refunds, and handles the gateway's news."""
    operations.finish_orders(now=timezone.now())
    operations.call_off_spares(now=timezone.now())
    operations.finish_refunds(now=timezone.now())
    operations.return_strays(now=timezone.now())
    operations.collect_events(now=timezone.now())


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="checkout.take_in", pass_context=False)
def take_in(timestamp: int) -> None:
    """Grants what was sold on the chain."""
    chain_sales.take_in(now=timezone.now())


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="checkout.write_papers", pass_context=False)
def write_papers(timestamp: int) -> None:
    """Writes invoices, receipts and credit notes that are due."""
    papers.issue_papers(now=timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="checkout.renew", pass_context=False)
def renew(timestamp: int) -> None:
    """Renews subscriptions whose period is about to end, and goes on with what is not paid; reminds of trials."""
    renewing.renew_subscriptions(now=timezone.now())
    past_due.chase_payments(now=timezone.now())
    billing_letters.remind_of_trials(now=timezone.now())


@app.periodic(cron="20 3 * * *")
@app.task(queueing_lock="checkout.bill", pass_context=False)
def bill(timestamp: int) -> None:
    """Rates the months that are over, and bills what was used and reported before this month."""
    billing.bill_usage(now=timezone.now())


# A mail server that is away takes the letter later. A worker that is killed meanwhile does not send it again.
@app.task(
    name="checkout.tell_of_case", retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})
)
def tell_of_case(sale_id: int, address: str, language: str) -> None:
    """Writes one operator of a sale on the chain that could not be honored."""
    chain_cases.send_letter(sale_id=sale_id, address=address, language=language)


@app.task(
    name="checkout.tell_of_inquiry",
    retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError}),
)
def tell_of_inquiry(inquiry_id: int, address: str, language: str) -> None:
    """Writes one operator that a bank asks about a payment."""
    inquiries.send_letter(inquiry_id=inquiry_id, address=address, language=language)


@app.task(
    name="checkout.tell_of_payment",
    retry=RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError}),
)
def tell_of_payment(notice_id: int, person_id: str) -> None:
    """Writes one person of a payment that was declined or waits, of a subscription's end, or of a trial's."""
    billing_letters.send_letter(notice_id=notice_id, person_id=person_id)
