"""`manage.py provider_calls`: what was asked of the payment provider and is not answered, or was refused."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketplace.provider import queries


class Command(BaseCommand):
    """Lists what is open, or what was refused for another reason than the buyer's card."""

    help = "List what was asked of the payment provider and is not answered, with the latest trouble of each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--refused", action="store_true", help="list what was refused for good, the newest first")
        parser.add_argument("--limit", type=int, default=100)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["refused"]:
            for answer in queries.refused_calls()[: options["limit"]]:
                body, call = answer.body, answer.call
                said = " ".join(filter(None, (body.get("code"), body.get("param"), body.get("message"))))
                self.stdout.write(f"{answer.at:%Y-%m-%d %H:%M}  {call.key}  {call.operation}  {call.subject}: {said}")
            return
        rows = queries.open_calls()
        for call in rows[: options["limit"]]:
            money = f"  {call.amount_minor} {call.currency}" if call.amount_minor is not None else ""
            said = " ".join(filter(None, (call.trouble_kind, call.trouble_message))) or "no word of its attempt"
            self.stdout.write(
                f"{call.intended_at:%Y-%m-%d %H:%M}  {call.key}  {call.operation}{money}  {call.subject}: {said}"
            )
        self.stdout.write(f"{rows.count()} not answered; whoever asked asks again with the same key")
