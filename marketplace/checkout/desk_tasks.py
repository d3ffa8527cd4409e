"""What the worker does for operators: evidence about disputes is made and sent, and letters are written."""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from marketplace.checkout import asking_back_letters, method_uses
from marketplace.checkout.evidence import letters, making, submitting

# A mail server that is away takes the letter later. A worker that is killed meanwhile does not send it again.
_LATER = RetryStrategy(max_attempts=8, exponential_wait=8, retry_exceptions={OSError})


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="checkout.attend_cases", pass_context=False)
def attend_cases(timestamp: int) -> None:
    """Makes evidence about disputes, sends what stayed open, tells operators, and lets the gateway forget cards."""
    making.make_due_bundles(now=timezone.now())
    submitting.finish_submissions(now=timezone.now())
    letters.write_letters(now=timezone.now())
    method_uses.finish_forgetting(now=timezone.now())


@app.task(name="checkout.tell_of_dispute", retry=_LATER)
def tell_of_dispute(dispute_id: str, kind: str, address: str, language: str) -> None:
    """Writes one operator of a dispute."""
    letters.send_letter(dispute_id=dispute_id, kind=kind, address=address, language=language)


@app.task(name="checkout.tell_of_refund_request", retry=_LATER)
def tell_of_refund_request(request_id: str, kind: str, address: str, language: str) -> None:
    """Writes an operator or a buyer of a refund that is asked for."""
    asking_back_letters.send_letter(request_id=request_id, kind=kind, address=address, language=language)
