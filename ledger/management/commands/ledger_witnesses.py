"""Show the log to its witnesses: docs/operate.md, "Witnesses"."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger import queries
from ledger.log.checkpoint import UnableToReadNote, UnableToVerifyNote
from ledger.signing.base import UnableToLoadKey
from ledger.witnessing import gathering, own
from ledger.witnessing.policy import UnableToReadPolicy, configured


class Command(BaseCommand):
    help = "Prints the log's keys for witnesses to know, and asks each witness of the policy what it says to the log."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in self._lines():
                self.stdout.write(line)
        except (UnableToLoadKey, UnableToReadPolicy, UnableToReadNote, UnableToVerifyNote) as error:
            raise CommandError(str(error)) from error
        except gathering.LogForked as error:
            raise CommandError(str(error), returncode=2) from error

    def _lines(self) -> Iterator[str]:
        yield f"origin        {settings.LOG_ORIGIN}"
        yield f"key           {queries.verifier_key()}"
        if key := own.cosigner_key():
            yield f"ML-DSA-44 key {key}"
        policy = configured()
        if policy is None:
            yield "No witness is asked: WORLDLOOM_WITNESS_POLICY names no policy."
            return
        yield f"policy        {policy.digest}, quorum {policy.quorum}"
        answers = gathering.ask_all(now=timezone.now())
        for name, witness in policy.witnesses.items():
            yield f"{name}: {answers.get(name, 'cosigned')} ({witness.url or 'no address'})"
        met = policy.is_met_by(name for name in policy.witnesses if name not in answers)
        yield f"The quorum {policy.quorum} is {'met' if met else 'not met'}."
