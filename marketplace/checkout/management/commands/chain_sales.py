"""`manage.py chain_sales`: what was sold on a chain and could not be honored, and what was done about it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout import chain_sales
from marketplace.checkout.chain_sales import UnableToSettleSale
from marketplace.checkout.models import ChainSale, ChainSaleStep


class Command(BaseCommand):
    """Lists the open cases, tries one again, or closes it with what was done."""

    help = "List the sales on the chain that could not be honored; try one again, or say what was done about it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("sale", nargs="?", type=int, help="the number of a sale, as listed")
        parser.add_argument("--again", action="store_true", help="try to grant its license once more")
        parser.add_argument("--because", help="close the case with what was done about it")
        parser.add_argument("--all", action="store_true", help="list every sale, not the open cases alone")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sale"] is None:
            self._list(every=options["all"])
            return
        sale = ChainSale.objects.filter(pk=options["sale"]).first()
        if sale is None:
            raise CommandError(f"There is no sale {options['sale']} on the chain.")
        if options["again"] == (options["because"] is not None):
            raise CommandError("Say either --again or --because.")
        now = timezone.now()
        try:
            if options["again"]:
                step = chain_sales.try_again(sale=sale, now=now)
            else:
                step = chain_sales.settle_case(sale=sale, by=None, note=options["because"], now=now)
        except UnableToSettleSale as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(_line(sale, step))

    def _list(self, *, every: bool) -> None:
        rows = ChainSale.objects.order_by("id") if every else chain_sales.open_cases()
        count = 0
        for sale in rows.iterator(chunk_size=500):
            self.stdout.write(_line(sale, chain_sales.standing(sale)))
            count += 1
        self.stdout.write(f"{count} sales" if every else f"{count} open cases")


def _line(sale: ChainSale, step: ChainSaleStep) -> str:
    said = " ".join(filter(None, (step.state, step.reason, step.note)))
    return (
        f"{sale.pk}  {sale.source}  {sale.sold_at:%Y-%m-%d %H:%M}  {sale.price_units} units of {sale.token} by"
        f" {sale.buyer}  {sale.chain_transaction}: {said}"
    )
