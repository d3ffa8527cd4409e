"""What follows from the last byte of an upload."""

from datetime import datetime

from procrastinate.contrib.django import app

from assets.models import Upload, UploadInspection


def finished(upload: Upload, now: datetime) -> None:
    """Have the upload inspected, in the transaction in which its digest becomes known.

    Parts are not inspected: what they are joined to is.
    """
    if upload.concatenation == Upload.PARTIAL:
        return
    UploadInspection.objects.create(upload=upload, next_at=now)
    # By its name: the task knows every verb, this one among them.
    app.configure_task("assets.inspect_upload", queue="intake").defer(upload_id=str(upload.pk))
