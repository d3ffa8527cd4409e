"""`manage.py publish FOLDER --as HANDLE`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from assets.operations import UnableToAdmit, UnableToUpload
from marketplace.catalog.operations import UnableToPublish
from marketplace.intake.operations import (
    PublicationHeld,
    SignatureNeeded,
    UnableToReadFolder,
    publish_folder,
    read_folder,
)
from marketplace.intake.pricing import losses_of
from marketplace.licensing.operations import UnableToOffer
from marketplace.licensing.parentage import BeyondParents
from marketplace.people import queries as people
from marketplace.ui.formats import sentence


class Command(BaseCommand):
    """Publishes a folder with a pack.toml as one release of a creator."""

    help = "Publish a folder with a pack.toml (docs/formats/pack-toml.md) as a release of a creator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--as", dest="creator", required=True, metavar="HANDLE", help="the creator's handle")

    def handle(self, *args: Any, **options: Any) -> None:
        creator = people.creator_named(options["creator"])
        if creator is None:
            raise CommandError(f"No creator has the handle “{options['creator']}”: sign up and choose it first.")
        try:
            now = timezone.now()
            release = publish_folder(folder=options["folder"], creator=creator, now=now)
        except (UnableToReadFolder, UnableToPublish, BeyondParents, UnableToAdmit, UnableToUpload) as error:
            lines = [sentence(finding) for finding in error.findings]
            raise CommandError("Nothing was published.\n" + "\n".join(f"  - {line}" for line in lines)) from None
        except UnableToOffer as error:
            raise CommandError(f"Nothing was published.\n  - {error}") from None
        except PublicationHeld as held:
            lines = [
                f"{one.path}: {one.match.relation} as {one.first.path} of {one.first.release}"
                for one in held.likenesses
            ]
            raise CommandError(
                "Held, with a claim about each of these; answer them in the portal.\n"
                + "\n".join(f"  - {line}" for line in lines)
            ) from None
        except SignatureNeeded as needed:
            raise CommandError(str(needed)) from None
        done = "Published" if release.published_at == now else "Already published, unchanged:"
        self.stdout.write(f"{done} {release}: sha256 {release.digest}, {release.assets.count()} files.")
        for lost in losses_of(read_folder(options["folder"])[1]):
            self.stdout.write(f"Not carried over from the license: {sentence(lost)}")
