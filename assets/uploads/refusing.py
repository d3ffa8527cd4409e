"""Why an upload was refused: one error, which a code and a sentence tell apart."""

from assets.inspectors.base import Finding, shown_name
from assets.models import Upload
from marketplace.ui.formats import sentence
from marketplace.ui.words import gettext_noop


class UnableToUpload(Exception):
    """The bytes could not be taken, continued, joined or linked; nothing of what was refused counts.

    `code` is one of docs/uploads.md, `finding` the sentence, `offset_bytes` what the upload stands at when it is known.
    """

    code = "upload-not-taken"

    def __init__(self, finding: Finding, offset_bytes: int | None = None) -> None:
        super().__init__(finding)
        self.finding, self.findings, self.offset_bytes = finding, (finding,), offset_bytes
        self.code = finding.code

    def __str__(self) -> str:
        return sentence(self.finding)


def refused(code: str, template: str, /, **values: str | int) -> UnableToUpload:
    """Return the refusal of what has no upload yet, ready to be raised."""
    return UnableToUpload(Finding(code, template, "", values))


def refused_for(upload: Upload, code: str, template: str, /, **values: str | int) -> UnableToUpload:
    """Return the refusal about an upload, with its name before the sentence and its offset beside."""
    return UnableToUpload(Finding(code, template, "", values).in_file(upload.name), upload.offset_bytes)


def unknown() -> UnableToUpload:
    """Return what is said of an upload that there is not, and of another person's alike."""
    return refused("upload-unknown", gettext_noop("You have no such upload: it was aborted, published or never begun."))


def overtaken(upload: Upload) -> UnableToUpload:
    """Return what the slower of two requests for one upload is told."""
    template = gettext_noop("another request took this upload over: ask where it stands and go on from there.")
    return refused_for(upload, "upload-overtaken", template)


def too_long(name: str, size_bytes: int) -> UnableToUpload:
    """Return what is said of more bytes than were announced."""
    template = gettext_noop("more bytes arrived than the %(size)s that were announced; none of them were taken.")
    return UnableToUpload(Finding("upload-too-long", template, "", {"size": size_bytes}).in_file(name))


def too_large(name: str, limit_bytes: int) -> UnableToUpload:
    """Return what is said of a file beyond ASSET_FILE_LIMIT_BYTES."""
    template = gettext_noop("it is larger than the limit of %(limit)s bytes.")
    return UnableToUpload(Finding("file-too-large", template, "", {"limit": limit_bytes}).in_file(shown_name(name)))
