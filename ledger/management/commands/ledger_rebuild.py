"""Write the log's files again from the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.publication import UnableToPublish, rebuild
from ledger.signing.base import UnableToLoadKey
from ledger.witnessing.gathering import UnableToWitness
from ledger.witnessing.policy import UnableToReadPolicy


class Command(BaseCommand):
    help = "Writes every tile, entry bundle and the checkpoint again from the sealed rows in the database."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            checkpoint = rebuild(now=timezone.now())
        except (UnableToPublish, UnableToWitness, UnableToReadPolicy, UnableToLoadKey) as error:
            raise CommandError(str(error)) from error
        if checkpoint is None:
            self.stdout.write("Nothing is sealed yet.")
        else:
            self.stdout.write(f"The files of {checkpoint.size} leaves are written.")
