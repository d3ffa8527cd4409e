"""What the worker does for orders: finish what a crash left open, hear the gateway, renew subscriptions, bill use."""

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.checkout import billing, operations, renewing


@app.periodic(cron="*/5 * * * * *")
@app.task(queueing_lock="checkout.attend", pass_context=False)
def attend(timestamp: int) -> None:
    """Finishes open orders and refunds, and handles the gateway's news."""
    operations.finish_orders(now=timezone.now())
    operations.finish_refunds(now=timezone.now())
    operations.collect_events(now=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="checkout.renew", pass_context=False)
def renew(timestamp: int) -> None:
    """Renews subscriptions whose period is about to end."""
    renewing.renew_subscriptions(now=timezone.now())


@app.periodic(cron="20 3 * * *")
@app.task(queueing_lock="checkout.bill", pass_context=False)
def bill(timestamp: int) -> None:
    """Rates the months that are over, and bills what was used and reported before this month."""
    billing.bill_usage(now=timezone.now())
