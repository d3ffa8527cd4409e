"""What the worker does for submissions: examine them, try again what did not finish, and run the claims' clocks."""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.intake import operations


@app.task(name="intake.examine", queue="intake")
def examine(submission_id: str) -> None:
    """Examines one submission as soon as it is handed in."""
    operations.examine(submission_id=UUID(submission_id), now=timezone.now())


@app.periodic(cron="* * * * * */20")
@app.task(queue="intake", queueing_lock="intake.examine_due", pass_context=False)
def examine_due(timestamp: int) -> None:
    """Examines what a killed worker left, and again what did not finish."""
    operations.examine_due(now=timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="intake.run_clocks", pass_context=False)
def run_clocks(timestamp: int) -> None:
    """Ends the claims in which the time to answer is over."""
    operations.run_clocks(now=timezone.now())


@app.periodic(cron="*/2 * * * *")
@app.task(queue="intake", queueing_lock="intake.draw", pass_context=False)
def draw_missing(timestamp: int) -> None:
    """Makes the pictures that a killed worker left unmade; what cannot be drawn is given up after a day."""
    operations.draw_missing(now=timezone.now())
