"""What the worker does for licenses: sign the copies of their pictures before anybody downloads them."""

from uuid import UUID

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.licensing import credentialed
from marketplace.licensing.models import Grant


@app.task(name="licensing.sign_copies", queue="intake")
def sign_copies(grant_id: str) -> None:
    """Signs the pictures of a grant as soon as it is given; a download does what is left."""
    grant = Grant.objects.select_related("release__pack__creator", "terms").get(pk=UUID(grant_id))
    credentialed.sign_copies(release=grant.release, terms=grant.terms, now=timezone.now())
