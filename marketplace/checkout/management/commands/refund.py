"""`manage.py refund`: give a buyer money of an order line back."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout import operations
from marketplace.checkout.gateways.base import AskedOfFormer, GatewayUnavailable
from marketplace.checkout.models import OrderLine
from marketplace.payouts.rules import Money, UnreadableAmount, parse_amount


class Command(BaseCommand):
    """Refunds one line, in part or whole; when all of it is given back, its license is revoked."""

    help = "Give a buyer an amount of an order line back, or all that is left of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("line", type=UUID, help="the id of the order line, as in “order-line:<id>”")
        parser.add_argument(
            "--amount", help="how much, such as 3.00 in the order's currency; all that is left without it"
        )
        parser.add_argument("--because", required=True, help="why, in up to 200 characters")

    def handle(self, *args: Any, **options: Any) -> None:
        line = OrderLine.objects.select_related("order").filter(pk=options["line"]).first()
        if line is None:
            raise CommandError(f"There is no order line {options['line']}.")
        currency = line.order.currency
        try:
            amount_minor = parse_amount(options["amount"], currency) if options["amount"] is not None else None
            intent = operations.refund_line(
                line=line, amount_minor=amount_minor, reason=options["because"].strip(), now=timezone.now()
            )
        except (operations.UnableToRefundLine, operations.UnableToRefund, UnreadableAmount) as error:
            raise CommandError(str(error)) from error
        except AskedOfFormer as error:
            raise CommandError(
                f"Nothing moved: {error}. Give it back there, and say so at /desk/orders/left."
            ) from error
        except GatewayUnavailable as error:
            raise CommandError(
                f"The gateway gave no answer ({error}); the worker goes on with the same key."
            ) from error
        self.stdout.write(f"{Money(intent.amount_minor, currency)} are given back: {intent.key}")
