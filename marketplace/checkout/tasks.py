"""What the worker does for orders: finish what a crash left open, and hear what the gateway has to say."""

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.checkout import operations


@app.periodic(cron="*/5 * * * * *")
@app.task(queueing_lock="checkout.attend", pass_context=False)
def attend(timestamp: int) -> None:
    """Finishes open orders and handles the gateway's news."""
    operations.finish_orders(now=timezone.now())
    operations.collect_events(now=timezone.now())
