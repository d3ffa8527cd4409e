"""Seal what is stated and wait no longer for the worker."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger import queries
from ledger.log.checkpoint import UnableToReadNote
from ledger.operations import UnableToSeal, seal
from ledger.publication import UnableToPublish
from ledger.signing.base import UnableToLoadKey
from ledger.witnessing.gathering import UnableToWitness
from ledger.witnessing.policy import UnableToReadPolicy

_UNUSABLE = (UnableToLoadKey, UnableToReadNote)


class Command(BaseCommand):
    help = "Seals all stated entries into the log, signs it and publishes it."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed = 0
        try:
            while batch := seal(now=timezone.now()):
                sealed += batch.count
        except (UnableToSeal, UnableToPublish, UnableToWitness, UnableToReadPolicy, *_UNUSABLE) as error:
            raise CommandError(str(error)) from error
        newest = queries.latest_checkpoint()
        self.stdout.write(f"{sealed} entries sealed; the log has {newest.size if newest else 0} leaves.")
