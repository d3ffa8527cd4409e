"""`manage.py statement`: write out a creator's statement."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from marketplace.payouts.statement_queries import NoStatement, Paper, closed, running, through, written_as
from marketplace.people.models import Creator


class Command(BaseCommand):
    """Writes a statement to standard output; the same creator, currency and end give the same bytes for ever."""

    help = "Write a creator's statement of a closed month, since then, or up to a transaction, as JSON, CSV or PDF."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("creator", help="the creator's handle")
        parser.add_argument("currency", help="such as USD")
        span = parser.add_mutually_exclusive_group()
        span.add_argument("--month", help="a closed month, such as 2026-11")
        span.add_argument("--through", type=UUID, metavar="TRANSACTION", help="its last transaction")
        parser.add_argument("--after", type=UUID, metavar="TRANSACTION", help="the last one before it")
        parser.add_argument("--format", choices=["json", "csv", "pdf"], default="json")
        parser.add_argument("--language", choices=["en", "zh-hans"], default="en")

    def handle(self, *args: Any, format: str, language: str, **options: Any) -> None:
        with transaction.atomic():
            for piece in self._pieces(self._paper(options), format, language):
                self._out.write(piece)

    @property
    def _out(self) -> Any:
        return getattr(self.stdout._out, "buffer", self.stdout._out)  # bytes are written as they are

    def _pieces(self, paper: Paper, format: str, language: str) -> Iterator[bytes]:
        return written_as(paper, format, language=language, site=settings.SITE_URL)

    def _paper(self, options: dict[str, Any]) -> Paper:
        creator = Creator.objects.filter(handle=options["creator"]).first()
        if creator is None:
            raise CommandError(f"There is no creator {options['creator']}.")
        if options["after"] and not options["through"]:
            raise CommandError("Name the last transaction too: --through.")
        try:
            if options["month"]:
                return closed(creator, period=options["month"], currency=options["currency"])
            if options["through"]:
                span = {"transaction_id": options["through"], "after": options["after"]}
                return through(creator, currency=options["currency"], **span)
            return running(creator, currency=options["currency"])
        except (NoStatement, ValidationError) as error:
            raise CommandError(str(error)) from error
