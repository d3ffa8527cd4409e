"""Holds the books against the gateway's balance, now."""

import argparse
from datetime import UTC, datetime
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from marketplace.checkout.reconciling import equating, operations, telling
from marketplace.checkout.reconciling.ports.base import UnableToRead
from marketplace.checkout.reconciling.tables import DailyEquation
from marketplace.payouts.rules import format_amount


class Command(BaseCommand):
    help = "Read and match the gateway's lines, and say how the books stand beside its balance."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--since", help="read lines from this day on (YYYY-MM-DD, UTC), also ones read before")
        parser.add_argument("--creators", action="store_true", help="compare creators' accounts as well")

    def handle(self, *args: Any, **options: Any) -> None:
        port = operations.balance_lines()
        if port is None:
            raise CommandError("The gateway in use keeps no balance for us.")
        try:
            since = datetime.fromisoformat(options["since"]).replace(tzinfo=UTC) if options["since"] else None
        except ValueError as error:
            raise CommandError("Give a day as YYYY-MM-DD.") from error
        try:
            made = equating.prove(port=port, now=timezone.now(), since=since, creators=options["creators"])
        except UnableToRead as error:
            raise CommandError(str(error)) from error
        for equation in made.equations.order_by("currency"):
            self.stdout.write(_said(equation))
        for sentence, since in telling.sentences(made):
            self.stdout.write(f"{sentence} {f'Since {since:%Y-%m-%d %H:%M} UTC.' if since else ''}".rstrip())
        if made.problems:
            raise CommandError(f"{len(made.problems)} things do not agree.")
        self.stdout.write("The books and the gateway agree.")


def _said(one: DailyEquation) -> str:
    parts = (
        ("books", one.ours_minor),
        ("gateway", one.theirs_minor),
        ("difference", one.difference_minor),
        ("only ours", one.only_ours_minor),
        ("only theirs", one.only_theirs_minor),
        ("different amounts", one.differing_minor),
        ("unread", one.unread_minor),
        ("not explained", one.unexplained_minor),
        ("in suspense", one.suspense_minor),
    )
    return f"{one.currency}: " + ", ".join(f"{name} {format_amount(value, one.currency)}" for name, value in parts)
