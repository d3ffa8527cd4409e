"""`manage.py payout_policy set|show`: from what on, how often and under which reserve creators are paid."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.payouts.management.creators import asked_creator
from marketplace.payouts.operations import UnableToSetPolicy, set_policy
from marketplace.payouts.rules import CURRENCIES, UnreadableAmount, format_amount, parse_amount
from marketplace.payouts.terms import Schedule, Terms, hold_days, read_schedule, terms_of
from marketplace.payouts.when_queries import next_payouts
from marketplace.people.models import Creator


class Command(BaseCommand):
    """Sets the policy of a creator, a currency, both, or all; what is not said stays as it counts there now."""

    help = "Show the payout policy that counts, or set it for a creator, a currency, both, or everybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        show = verbs.add_parser("show", help="what counts, and when a creator is paid next")
        sets = verbs.add_parser("set", help="from now on, pay like this")
        for verb in (show, sets):
            verb.add_argument("--creator", metavar="HANDLE", help="of this creator; everybody without")
            verb.add_argument("--currency", choices=sorted(CURRENCIES), help="in this currency; in all without")
        sets.add_argument(
            "--threshold", metavar="AMOUNT", help="the least that is paid out, as 50.00; needs --currency"
        )
        sets.add_argument(
            "--threshold-minor", type=int, metavar="UNITS", help="the same in minor units of each currency"
        )
        sets.add_argument(
            "--schedule", metavar="WHEN", help="always, daily, weekly:1 (Monday) to 7, monthly:1 to 28, or manual"
        )
        sets.add_argument("--reserve-ppb", type=int, metavar="PPB", help="what is kept back, in parts per billion")
        sets.add_argument("--reserve-days", type=int, metavar="DAYS", help="for how many days more")
        sets.add_argument("--hold-days", type=int, metavar="DAYS", help="the hold period; not of one creator")
        sets.add_argument("--reason", required=True, help="why, which creators read")
        sets.add_argument("--by", default=getpass.getuser(), help="who sets it; you without")

    def handle(self, *args: Any, **options: Any) -> None:
        creator = asked_creator(options["creator"])
        if options["verb"] == "set":
            self._set(creator, options)
        self._show(creator, options["currency"])

    def _set(self, creator: Creator | None, options: dict[str, Any]) -> None:
        currency = options["currency"] or ""
        [now_counts] = terms_of(currency=currency, owner_ids=[creator and creator.pk])
        days = None if creator else hold_days(currency)
        try:
            set_policy(
                creator=creator,
                currency=currency,
                hold_days=days if options["hold_days"] is None else options["hold_days"],
                reserve_ppb=_or(options["reserve_ppb"], now_counts.reserve_ppb),
                reserve_days=_or(options["reserve_days"], now_counts.reserve_days),
                threshold_minor=_threshold(options, now_counts),
                schedule=_schedule(options["schedule"], now_counts),
                reason=options["reason"],
                by=options["by"],
                now=timezone.now(),
            )
        except UnableToSetPolicy as refusal:
            raise CommandError(str(refusal)) from refusal

    def _show(self, creator: Creator | None, currency: str | None) -> None:
        for code in [currency] if currency else sorted(CURRENCIES):
            [terms] = terms_of(currency=code, owner_ids=[creator and creator.pk])
            when = f"{terms.schedule.kind}{f':{terms.schedule.day}' if terms.schedule.day else ''}"
            line = (
                f"{code}  {when:<11}  {format_amount(terms.threshold_minor, code)} or more  {hold_days(code)} days held"
            )
            if terms.reserve_ppb:
                line += f"  {terms.reserve_ppb} ppb in reserve for {terms.reserve_days} days"
            self.stdout.write(f"{line}  {f'policy {terms.policy_id}' if terms.policy_id else 'settings'}".rstrip())
        for row in next_payouts(creator, now=timezone.now()) if creator else []:
            if currency in (None, row.currency):
                at = f"{row.next_at:%Y-%m-%d %H:%M} UTC" if row.next_at else "only by hand"
                held = f", held: {'; '.join(row.held_for)}" if row.held_for else ""
                amount = format_amount(row.available_minor, row.currency)
                self.stdout.write(f"{row.currency}  next {at}, {amount} available{held}")


def _or(said: int | None, counts: int) -> int:
    return counts if said is None else said


def _threshold(options: dict[str, Any], counts: Terms) -> int:
    if (text := options["threshold"]) is None:
        return _or(options["threshold_minor"], counts.threshold_minor)
    if not options["currency"]:
        raise CommandError("--threshold needs --currency, or say it for all currencies with --threshold-minor.")
    try:
        return parse_amount(text, options["currency"])
    except UnreadableAmount as error:
        raise CommandError(str(error)) from error


def _schedule(text: str | None, counts: Terms) -> Schedule:
    if text is None:
        return counts.schedule
    schedule = read_schedule(text)
    if schedule is None:
        raise CommandError(
            f"“{text}” is no schedule; say always, daily, weekly:1 (Monday) to 7, monthly:1 to 28, or manual."
        )
    return schedule
