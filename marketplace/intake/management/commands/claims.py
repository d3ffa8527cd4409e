"""`manage.py claims`: what is open between creators, and the operator's decision."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.intake import awarding, clocks, operations, queries
from marketplace.intake.models import Claim
from marketplace.payouts.rules import Money


class Command(BaseCommand):
    """Lists the open claims, shows one with its evidence, or decides it."""

    help = "List the open claims; with an id, show that one; decide it; then put aside or award what it earned."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("claim", nargs="?", type=UUID, help="the id of a claim")
        decision = parser.add_mutually_exclusive_group()
        decision.add_argument("--uphold", action="store_true", help="it is the claimant's: it stays off the market")
        decision.add_argument("--dismiss", action="store_true", help="the respondent may publish it")
        decision.add_argument(
            "--put-aside", action="store_true", help="take back what it earned, so that its buyers can be refunded"
        )
        decision.add_argument(
            "--award", action="store_true", help="take back what it earned and give it to the claimant"
        )
        parser.add_argument("--because", default="", help="what both sides read, up to 2000 characters")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["claim"] is None:
            if any(options[name] for name in ("uphold", "dismiss", "put_aside", "award")):
                raise CommandError("Say which claim: its id stands in the list that this command gives without one.")
            for row in queries.open_claims():
                self.stdout.write(self._line(row))
            return
        found = queries.claim(options["claim"])
        if found is None:
            raise CommandError(f"There is no claim {options['claim']}.")
        if options["put_aside"] or options["award"]:
            self._give(found, is_award=options["award"])
            return
        if not (options["uphold"] or options["dismiss"]):
            self._show(found)
            return
        try:
            event = operations.decide(
                claim=found, upheld=options["uphold"], statement=options["because"], now=timezone.now()
            )
        except operations.UnableToAnswer as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{found.pk}: {event.kind}. It is stated in the public log.")

    def _give(self, row: Claim, *, is_award: bool) -> None:
        try:
            if is_award:
                for sale in awarding.award(claim=row, now=timezone.now()):
                    self.stdout.write(f"{Money(sale.gross_minor, sale.currency)} go to {row.claimant}")
            else:
                for currency, amount_minor in awarding.put_aside(claim=row, now=timezone.now()).items():
                    self.stdout.write(f"{Money(amount_minor, currency)} are put aside")
        except awarding.UnableToAward as refusal:
            raise CommandError(refusal.reason) from None

    def _line(self, row: Claim) -> str:
        steps = queries.steps_of(row)
        due = f", until {steps[-1].due_at:%Y-%m-%d %H:%M} UTC" if steps[-1].due_at else ""
        return (
            f"{row.pk}  {row.claimant} against {row.respondent}  {row.relation} {row.score_ppm} ppm  "
            f"{row.disputed_path}  waits for the {clocks.waits_for(steps)}{due}"
        )

    def _show(self, row: Claim) -> None:
        self.stdout.write(self._line(row))
        for event in row.events.all():
            self.stdout.write(f"  {event.at:%Y-%m-%d %H:%M} {event.kind}")
            for line in event.statement.splitlines():
                self.stdout.write(f"    | {_plain(line)}")
        for part in ("claimed", "disputed", "found"):
            for name, value in row.evidence[part].items():
                self.stdout.write(_plain(f"  {part} {name}: {value}"))
        sources = row.evidence["found"].get("sources", [])
        published = queries.published_as(UUID(source["asset_id"]) for source in sources)
        for source in sources:
            for first in published.get(UUID(source["asset_id"]), [])[:1]:
                self.stdout.write(f"  mixed from {first.release} {first.path}: {source['weight_ppm']} ppm")


def _plain(text: str) -> str:
    """Writes what a party wrote so that it cannot speak to the terminal."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
