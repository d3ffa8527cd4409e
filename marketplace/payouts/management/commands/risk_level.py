"""`manage.py risk_level set|list|assess`: who is how risky, and what is kept back of what they earn."""

import getpass
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.bookkeeping.risking import UnableToSayRisk, say_risk, standing_levels
from marketplace.payouts.management.creators import asked_creator
from marketplace.payouts.operations import UnableToSetRiskLevel, assess_risk, set_risk_level
from marketplace.payouts.risk_rules import Kept

_CONDITIONS = ("days_selling_below", "days_here_below", "disputed_ppb_from", "refunded_ppb_from")


class Command(BaseCommand):
    """Sets a level whole, lists those that are somebody's, or finds at once at which level everybody is."""

    help = "Set a level of risk and what it keeps back, list the levels, or find everybody's."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        sets = verbs.add_parser("set", help="from now on; without any condition the level is nobody's")
        sets.add_argument("level", type=int, help="1 to 9, the riskiest last")
        sets.add_argument("--days-selling-below", type=int, metavar="DAYS", help="first sale less than so long ago")
        sets.add_argument("--days-here-below", type=int, metavar="DAYS", help="joined less than so long ago")
        sets.add_argument("--disputed-ppb-from", type=int, metavar="PPB", help="so much or more is disputed")
        sets.add_argument("--refunded-ppb-from", type=int, metavar="PPB", help="so much or more was refunded")
        sets.add_argument("--window-days", type=int, default=90, metavar="DAYS", help="of what these shares are; 90")
        sets.add_argument("--least-sales", type=int, default=10, metavar="N", help="from how many sales on; 10")
        sets.add_argument("--hold-days", type=int, default=0, metavar="DAYS", help="from the allocation on")
        sets.add_argument("--reserve-ppb", type=int, default=0, metavar="PPB", help="what is kept back then")
        sets.add_argument("--reserve-days", type=int, default=0, metavar="DAYS", help="for how many days more")
        sets.add_argument("--reason", required=True, help="why, which creators read")
        sets.add_argument("--by", default=getpass.getuser(), help="who sets it; you without")
        says = verbs.add_parser("say", help="put one creator at a level, whatever the conditions find")
        says.add_argument("creator", help="the handle")
        says.add_argument("to", metavar="LEVEL", help="0 for none, 1 to 9, or “conditions” to let these count again")
        says.add_argument("--reason", required=True, help="why, which the creator reads")
        says.add_argument("--by", default=getpass.getuser(), help="who says so; you without")
        verbs.add_parser("list", help="the levels that are somebody's")
        verbs.add_parser("assess", help="find at which level everybody is; the worker does so every hour")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["verb"] == "set":
            names = (*_CONDITIONS, "level", "window_days", "least_sales", "reason", "by")
            kept = Kept(options["hold_days"], options["reserve_ppb"], options["reserve_days"])
            try:
                set_risk_level(kept=kept, now=now, **{name: options[name] for name in names})
            except UnableToSetRiskLevel as refusal:
                raise CommandError(str(refusal)) from refusal
        if options["verb"] == "say":
            self._say(options, now)
        if options["verb"] == "assess":
            self.stdout.write(f"{assess_risk(now=now)} changed")
        for one in standing_levels() if options["verb"] != "assess" else []:
            who = ", ".join(f"{name} {getattr(one, name)}" for name in _CONDITIONS if getattr(one, name) is not None)
            self.stdout.write(
                f"{one.level}  {who}, within {one.window_days} days and from {one.least_sales} sales: held "
                f"{one.hold_days} days, {one.reserve_ppb} ppb for {one.reserve_days} days more: {one.reason}"
            )

    def _say(self, options: dict[str, Any], now: datetime) -> None:
        word = options["to"]
        if word != "conditions" and not (word.isascii() and word.isdigit() and len(word) == 1):
            raise CommandError(f"“{word}” is no level: 0 to 9, or conditions.")
        level = None if word == "conditions" else int(word)
        creator = asked_creator(options["creator"])
        assert creator is not None
        try:
            say_risk(creator=creator, level=level, reason=options["reason"], by=options["by"], now=now)
        except UnableToSayRisk as refusal:
            raise CommandError(str(refusal)) from refusal
