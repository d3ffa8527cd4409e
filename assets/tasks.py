"""What the worker does for bytes: inspect what arrived, try again what did not finish, remove leftovers.

What takes long is in the queue `intake`, which has a worker of its own: sealing and royalties do not wait for it.
"""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

import assets.operations
from assets.models import Upload


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="assets.sweep", pass_context=False)
def sweep(timestamp: int) -> None:
    """Sweeps once an hour."""
    assets.operations.sweep(now=timezone.now())


@app.task(name="assets.inspect_upload", queue="intake")
def inspect_upload(upload_id: str) -> None:
    """Inspects an upload as soon as it has arrived; one that is gone by now needs nothing."""
    uploads = list(Upload.objects.filter(pk=UUID(upload_id)).exclude(sha256=""))
    assets.operations.inspect_uploads(uploads=uploads, now=timezone.now())


@app.periodic(cron="* * * * * */20")
@app.task(queue="intake", queueing_lock="assets.inspect_due", pass_context=False)
def inspect_due(timestamp: int) -> None:
    """Inspects what a killed worker left, and again what did not finish."""
    assets.operations.inspect_due(now=timezone.now())


@app.periodic(cron="47 * * * *")
@app.task(queueing_lock="assets.expire_uploads", pass_context=False)
def expire_uploads(timestamp: int) -> None:
    """Removes once an hour the uploads that nobody went on with."""
    assets.operations.expire_uploads(now=timezone.now())
