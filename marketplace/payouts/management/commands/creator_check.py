"""`manage.py creator_check pass|fail|list`: decide a check of a creator, or list those that hold payouts."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.checks.queries import newest_checks
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.checks.words import FREE
from marketplace.payouts.management.creators import asked_creator
from marketplace.payouts.operations import UnableToDecideCheck, decide_check
from marketplace.people.models import Creator


class Command(BaseCommand):
    """Says that a check is passed or failed, or how checks stand."""

    help = "Decide a check of a creator, or list the checks for which payouts wait."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, words in (("pass", "payouts go again"), ("fail", "nothing is paid")):
            decides = verbs.add_parser(verb, help=words)
            decides.add_argument("creator", metavar="HANDLE")
            decides.add_argument("kind", choices=CreatorCheck.Kind.values)
            decides.add_argument("--reason", default="", help="why, which the creator reads; a failure must have one")
            decides.add_argument("--reference", default="", help="where you keep what you looked at")
            decides.add_argument("--by", default=getpass.getuser(), help="who decides; you without")
        lists = verbs.add_parser("list", help="the checks for which payouts wait")
        lists.add_argument("--all", action="store_true", help="those that are passed, too")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "list":
            self._list(everything=options["all"])
            return
        creator = asked_creator(options["creator"])
        assert creator is not None
        said = {name: options[name] for name in ("kind", "reason", "reference", "by")}
        try:
            made = decide_check(creator=creator, passed=options["verb"] == "pass", now=timezone.now(), **said)
        except UnableToDecideCheck as refusal:
            raise CommandError(str(refusal)) from refusal
        until = f" until {made.expires_at:%Y-%m-%d}" if made.expires_at else ""
        self.stdout.write(f"{made.kind} of {creator.handle} is {made.state}{until}")

    def _list(self, *, everything: bool) -> None:
        found = [one for one in newest_checks() if everything or one.state not in FREE]
        handles = dict(Creator.objects.filter(pk__in={one.creator_id for one in found}).values_list("pk", "handle"))
        for one in found:
            until = f" until {one.expires_at:%Y-%m-%d}" if one.expires_at else ""
            why = f": {one.reason}" if one.reason else ""
            self.stdout.write(
                f"{handles[one.creator_id]}  {one.kind}  {one.state}{until}  since {one.at:%Y-%m-%d} by {one.by}{why}"
            )
