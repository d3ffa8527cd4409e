"""`manage.py sandbox_clock`: look at the sandbox gateway's clock, or put it forward."""

import re
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.gateways.sandbox_balance import clock, move_clock
from marketplace.checkout.placing import gateway

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
MOST = timedelta(days=3_660)


class Command(BaseCommand):
    """Puts the sandbox's clock forward: what its cards do later, they do then."""

    help = "Show the sandbox gateway's clock, or put it forward; backward it does not go."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forward", help="by how much, such as 90m, 12h or 3d")

    def handle(self, *args: Any, **options: Any) -> None:
        if gateway().name != SandboxGateway.name:
            raise CommandError("The gateway is not the sandbox: its clock is not ours to move.")
        now = timezone.now()
        told = options["forward"]
        time = move_clock(forward=_span(told), now=now) if told is not None else clock(now)
        self.stdout.write(f"The sandbox's clock: {time:%Y-%m-%d %H:%M} UTC")


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else None
    if span is None or not timedelta(0) < span <= MOST:
        raise CommandError(f"“{text}” is no time to go forward: write such as 90m, 12h or 3d, of ten years at most.")
    return span
