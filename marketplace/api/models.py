"""What the API remembers of requests that it followed, so that each is followed once."""

from django.db import models
from django.db.models import Q

from marketplace.people.models import Studio


class Followed(models.Model):
    """A writing request of a studio under its idempotency key, and what it was answered with, to the byte.

    Orders are not here: checkout keeps their keys with them. Rows are only ever added.
    """

    studio = models.ForeignKey(Studio, on_delete=models.PROTECT, related_name="+")
    idempotency_key = models.CharField(max_length=200)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.TextField()
    followed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["studio", "idempotency_key"], name="api_key_is_followed_once"),
            models.CheckConstraint(condition=Q(request_sha256__regex=r"^[0-9a-f]{64}$"), name="api_request_is_hex"),
        ]

    def __str__(self) -> str:
        return self.idempotency_key
