"""`manage.py terms`: read other people's licenses as terms, and write terms as theirs."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.licensing.terms.document import UnableToReadTerms, read_terms, terms_document
from marketplace.licensing.terms.exchange.base import SIZE_LIMIT_BYTES, Loss, UnableToReadLicense, UnableToWriteLicense
from marketplace.licensing.terms.exchange.forms import READERS, WRITTEN, read, write
from marketplace.licensing.terms.model import Terms
from marketplace.licensing.terms.ready import READY


class Command(BaseCommand):
    """Imports a license as `worldloom/terms/2`, or exports terms; what a mapping lost goes to standard error."""

    help = "Read a license of others as terms (import), or write terms in their forms (export)."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        reading = verbs.add_parser("import", help="write the terms that a license stands for")
        reading.add_argument("license", help="a file, or an id such as CC-BY-4.0, openrail++ or “PIL commercial-remix”")
        reading.add_argument("--from", dest="form", default="", choices=["", *READERS], help="found out without it")
        writing = verbs.add_parser("export", help="write terms as others do")
        writing.add_argument("terms", help=f"a file with terms, or one of {', '.join(READY)}")
        writing.add_argument("--to", dest="form", required=True, choices=WRITTEN)
        writing.add_argument("--subject", default="", help="the address of what is licensed")
        writing.add_argument("--language", default="en", choices=["en", "zh-hans"])

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["verb"] == "import":
            self._import(options["license"], options["form"])
        else:
            self._export(options)

    def _import(self, name: str, form: str) -> None:
        file = _file(name)
        try:
            found = read(name if file is None else file, form)
        except UnableToReadLicense as error:
            raise CommandError(str(error)) from None
        self.stdout.write(json.dumps(json.loads(terms_document(found.terms)), ensure_ascii=False, indent=2))
        self._tell(found.source, found.lost)

    def _export(self, options: dict[str, Any]) -> None:
        terms = _terms(options["terms"])
        try:
            made = write(terms, options["form"], subject=options["subject"], language=options["language"])
        except UnableToWriteLicense as error:
            self._tell(terms.name, error.lost)
            raise CommandError(str(error)) from None
        self.stdout.write(made.text)
        self._tell(terms.name, made.lost)

    def _tell(self, source: str, lost: tuple[Loss, ...]) -> None:
        for one in lost:
            self.stderr.write(f"{source}: {one.dimension}: {one}")


def _file(name: str) -> bytes | None:
    """Returns what is in a file, as much of it as can matter; None where there is none of the name."""
    path = Path(name)
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(SIZE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} cannot be read: {error}") from None


def _terms(name: str) -> Terms:
    if name in READY:
        return READY[name]
    file = _file(name)
    if file is None:
        raise CommandError(f"There are no ready-made terms and no file {name}; the names are {', '.join(READY)}.")
    try:
        # People write it with blanks and line breaks; what is read must still be the document.
        return read_terms(_canonical(file))
    except UnableToReadTerms as error:
        raise CommandError(str(error)) from None


def _canonical(file: bytes) -> bytes:
    import rfc8785

    try:
        return rfc8785.dumps(json.loads(file))
    except (ValueError, RecursionError):
        return file
