"""Publishing at once, from a folder or from streams, as commands do: all of it, or nothing."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from assets.operations import make_all_previews
from assets.queries import missing_previews
from assets.rules import paths_findings
from marketplace.catalog.credentials import credentials_on_pages
from marketplace.catalog.models import Release
from marketplace.catalog.rules import Draft, Finding, gettext_noop
from marketplace.intake import queries, rules
from marketplace.intake.examining import examine_now
from marketplace.intake.pricing import with_files
from marketplace.intake.submitting import hand_in
from marketplace.licensing.terms.exchange.base import SIZE_LIMIT_BYTES
from marketplace.people.models import Creator
from marketplace.ui.formats import sentence


class UnableToReadFolder(Exception):
    """The folder is no pack; `findings` say what and where, and nothing was written."""

    code = "folder-refused"

    def __init__(self, folder: Path, findings: Sequence[Finding]) -> None:
        self.folder, self.findings = folder, tuple(findings)
        super().__init__(" ".join(sentence(finding) for finding in self.findings))


def read_folder(folder: Path) -> tuple[Draft, list[rules.DraftOffer]]:
    """This will read `pack.toml` of a folder, and refuse a folder whose listed files are not all there."""
    path = folder / rules.PACK_FILE
    try:
        if path.stat().st_size > rules.PACK_FILE_LIMIT_BYTES:
            text = gettext_noop("%(path)s is larger than %(limit)s bytes.")
            raise UnableToReadFolder(
                folder, [Finding(str(path), text, {"path": path, "limit": rules.PACK_FILE_LIMIT_BYTES})]
            )
        draft, offers = rules.parse_pack(path.read_text(encoding="utf-8"))
    except OSError:
        text = gettext_noop("There is no %(path)s that can be read: a pack is a folder with a pack.toml in it.")
        raise UnableToReadFolder(folder, [Finding(str(path), text, {"path": path})]) from None
    except UnicodeDecodeError as error:
        text = gettext_noop("%(path)s is not UTF-8 at byte %(offset)s.")
        raise UnableToReadFolder(folder, [Finding(str(path), text, {"path": path, "offset": error.start})]) from None
    except rules.UnreadablePack as error:
        raise UnableToReadFolder(folder, error.findings) from None
    return draft, with_files(offers, lambda name: _text_inside(folder, name))


def _text_inside(folder: Path, name: str) -> bytes | None:
    """Reads a license file of the folder, as much of it as any license has; None where there is no such file."""
    path = _inside(folder, name)
    if path is None:
        return None
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT_BYTES + 1)


def publish_folder(*, folder: Path, creator: Creator, now: datetime) -> Release:
    """This will publish a folder with a `pack.toml` (docs/formats/pack-toml.md), or raise and leave nothing behind."""
    draft, offers = read_folder(folder)
    findings = [Finding("files", f.template, f.values) for f in paths_findings(file.path for file in draft.files)]
    if findings:
        raise UnableToReadFolder(folder, findings)
    paths = {file.path: _inside(folder, file.path) for file in draft.files}
    text = gettext_noop("%(path)s is listed in pack.toml but is no file in the folder.")
    findings = [Finding(name, text, {"path": name}) for name, path in paths.items() if path is None]
    if findings:
        raise UnableToReadFolder(folder, findings)
    with ExitStack() as stack:
        streams: dict[str, BinaryIO] = {
            name: stack.enter_context(path.open("rb")) for name, path in paths.items() if path
        }
        return publish(creator=creator, draft=draft, offers=offers, streams=streams, now=now)


def _inside(folder: Path, name: str) -> Path | None:
    """Finds a file below the folder, links followed; None when it is elsewhere, no plain file, or cannot be reached."""
    try:
        path = (folder.resolve() / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, RuntimeError):
        return None


def publish(
    *,
    creator: Creator,
    draft: Draft,
    offers: Sequence[rules.DraftOffer],
    streams: Mapping[str, BinaryIO],
    now: datetime,
) -> Release:
    """This will take the bytes of a release in, inspect them, publish and offer it at once: all of it, or nothing.

    Raise UnableToPublish, UnableToOffer, UnableToUpload or UnableToAdmit, each with what and where, and leave nothing;
    or PublicationHeld, and leave the submission with the claims that hold it.
    """
    submission = hand_in(
        creator=creator, draft=draft, offers=offers, uploads={}, streams=streams, kept={}, now=now, by_hand=True
    )
    return examine_now(submission=submission, now=now)


def draw_missing(*, now: datetime) -> int:
    """This will make the pictures of releases that a kill left without, and return how many assets got some.

    What cannot be drawn is given up after a day.
    """
    missing = missing_previews(shown=queries.shown_assets(), since=now - timedelta(days=1))
    said = credentials_on_pages([asset.pk for asset in missing], settings.SITE_URL)
    return make_all_previews(assets=missing, now=now, credentials=said)
