"""Whole files at once, from a form or a command; and finished uploads as files, for those who read them."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from assets import queries
from assets.keeping.receiving import Received, receive, staging
from assets.models import Upload
from assets.uploads import beginning
from assets.uploads.appending import append
from assets.uploads.refusing import refused_for
from marketplace.people.models import Person
from marketplace.ui.words import gettext_noop


def take_stream(*, owner: Person, stream: BinaryIO, name: str, now: datetime) -> Upload:
    """Return a finished upload of all that the stream gives, or leave nothing.

    A stream that cannot say its size is received into a file first. Raise UnableToUpload as `begin_upload` does, or
    `file-changed` when it ends early or late; UnableToReceive and UnableToStore.
    """
    if (size_bytes := _size_of(stream)) is None:
        with receive(stream=stream, name=name) as received, received.path.open("rb") as file:
            return take_stream(owner=owner, stream=file, name=name, now=now)
    upload = beginning.begin_upload(owner=owner, name=name, size_bytes=size_bytes, now=now)
    try:
        upload = append(upload_id=upload.pk, owner=owner, offset=0, stream=stream, now=now)
        if not upload.sha256:
            raise refused_for(upload, "file-changed", gettext_noop("the file changed while it was read."))
    except BaseException:
        with contextlib.suppress(Exception):
            beginning.abort_upload(upload_id=upload.pk, owner=owner)
        raise
    return upload


def _size_of(stream: BinaryIO) -> int | None:
    """Return how many bytes are left in a stream that can be sought in, else None."""
    try:
        here = stream.tell()
        end = stream.seek(0, os.SEEK_END)
        stream.seek(here)
    except (AttributeError, OSError, ValueError):
        return None
    return end - here


@contextlib.contextmanager
def uploaded_files(uploads: Sequence[Upload]) -> Iterator[list[Received]]:
    """Give finished uploads as files of this machine, in their order, as long as the context lasts.

    They are to be read only. What lies in a folder of this machine is not copied. Raise ValueError for one that is
    not finished, BlobMissing for one whose bytes are gone.
    """
    with contextlib.ExitStack() as stack:
        yield [_file_of(upload, stack) for upload in uploads]


def _file_of(upload: Upload, stack: contextlib.ExitStack) -> Received:
    if not upload.sha256:
        raise ValueError(f"The upload {upload.pk} is not finished.")
    path = None
    if upload.blob_id is None:
        path = queries.storage().incoming().path(upload.place)
        source = None if path else stack.enter_context(queries.storage().incoming().open(upload.place))
    else:
        source = stack.enter_context(queries.open_blob(upload.blob_id))
        path = _plain_path(source)
    if path is None and source is not None:
        path = staging() / f"{os.getpid()}-{uuid.uuid4().hex}"
        stack.callback(path.unlink, missing_ok=True)
        with path.open("xb") as file:
            path.chmod(0o600)
            shutil.copyfileobj(source, file, 1024 * 1024)
    assert path is not None
    place = "" if upload.blob_id else upload.place
    return Received(path=path, name=upload.name, sha256=upload.sha256, size_bytes=upload.size_bytes, place=place)


def _plain_path(source: BinaryIO) -> Path | None:
    """Return where an open file lies, when it is a file of this machine and still under its name."""
    name = getattr(source, "name", None)
    with contextlib.suppress(OSError, AttributeError):
        if isinstance(name, str) and os.path.samestat(os.fstat(source.fileno()), os.lstat(name)):
            return Path(name)
    return None
