"""What was asked of the provider and what it said (outbox), and what it told us by itself (inbox): facts only."""

from django.db import models
from django.db.models import Q


class ProviderCall(models.Model):
    """Something that is to be done at the provider exactly once: the intent, committed before anything is sent.

    `fingerprint` is the SHA-256 of operation, account and parameters; parameters themselves may say who somebody is
    and are not kept. `subject` is what of ours it is for, such as `order:…`; `amount_minor` is in the provider's
    units.
    """

    key = models.CharField(max_length=200, unique=True)
    operation = models.CharField(max_length=100)
    account = models.CharField(max_length=64, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    fingerprint = models.CharField(max_length=64)
    amount_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    intended_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["subject"], name="provider_call_by_subject")]

    def __str__(self) -> str:
        return self.key


class ProviderCallSent(models.Model):
    """One attempt, committed before it is made. A generation is one idempotency key at the provider."""

    call = models.ForeignKey(ProviderCall, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    generation = models.PositiveIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["call_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["call", "number"], name="provider_attempts_are_numbered"),
            models.CheckConstraint(
                condition=Q(number__gte=1, generation__gte=1), name="provider_attempts_count_from_one"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} attempt {self.number}"


class ProviderCallTrouble(models.Model):
    """How an attempt ended that was not answered: nobody knows by it whether the thing was done.

    Where an attempt has neither this nor an answer, whoever made it died meanwhile.
    """

    attempt = models.OneToOneField(ProviderCallSent, on_delete=models.PROTECT, primary_key=True, related_name="trouble")
    kind = models.CharField(max_length=12)
    status = models.PositiveIntegerField(null=True)
    code = models.CharField(max_length=80, blank=True)
    message = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.attempt_id} {self.kind}"


class ProviderAnswer(models.Model):
    """The one end of a call: done, with the object as it was answered, or refused, with the provider's words.

    `body` has no secrets and nothing that says who somebody is. With `adopted` the object was not answered to us but
    found there, made by an attempt of which we never heard.
    """

    DONE, REFUSED = "done", "refused"

    call = models.OneToOneField(ProviderCall, on_delete=models.PROTECT, primary_key=True, related_name="answer")
    outcome = models.CharField(max_length=8)
    object_id = models.CharField(max_length=255, blank=True, db_index=True)
    adopted = models.BooleanField(default=False)
    body = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=["done", "refused"]), name="provider_answer_is_known")
        ]

    def __str__(self) -> str:
        return f"{self.call_id} {self.outcome}"


class ProviderEvent(models.Model):
    """That something happened to an object of the provider's, by the unique id of its event; what, it is asked for."""

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    account = models.CharField(max_length=64, blank=True)
    object_kind = models.CharField(max_length=60)
    object_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["object_id"], name="provider_event_by_object")]

    def __str__(self) -> str:
        return f"{self.event_id} {self.type}"


class ProviderEventHandled(models.Model):
    """That an event was taken in, in one transaction with what it changed: applied, nothing to do, or not ours."""

    APPLIED, NOTHING, NOT_OURS = "applied", "nothing", "not-ours"

    event = models.OneToOneField(ProviderEvent, on_delete=models.PROTECT, primary_key=True, related_name="handled")
    result = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(result__in=["applied", "nothing", "not-ours"]), name="provider_event_result_is_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.result}"


class ProviderEventTrouble(models.Model):
    """That an event could not be taken in, and when it is tried again: never by itself where it is dead.

    `kind` is `failed` (our handler), `away` (the provider did not answer; it never kills an event), or `again`: an
    operator wants it tried once more, and failures are counted anew.
    """

    FAILED, AWAY, AGAIN = "failed", "away", "again"

    event = models.ForeignKey(ProviderEvent, on_delete=models.PROTECT, related_name="troubles")
    kind = models.CharField(max_length=6)
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()
    again_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["failed", "away", "again"]), name="provider_event_trouble_is_known"
            ),
            models.CheckConstraint(
                condition=Q(again_at__isnull=False) | Q(kind="failed"), name="provider_only_failures_kill_an_event"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.kind}"


class ProviderEventWaiting(models.Model):
    """Events that are not handled yet, and from when on they may be: none where the event is dead. Kept by triggers."""

    event = models.OneToOneField(ProviderEvent, on_delete=models.PROTECT, primary_key=True, related_name="waiting")
    due_at = models.DateTimeField(null=True, db_index=True)
    failures = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.event_id}"
