"""`manage.py stripe_setup`: try the key, have the balance paid out by hand, and have Stripe tell us what happens."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.checkout.gateways.base import GatewayUnavailable
from marketplace.checkout.gateways.stripe import setting_up


class Command(BaseCommand):
    """Looks before each step, and may be run again at any time."""

    help = "Check the Stripe key and account, and create or update the webhook endpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="the public address of this site; WORLDLOOM_URL without it")
        parser.add_argument("--check", action="store_true", help="say how the account stands, and change nothing")
        parser.add_argument("--manual-payouts", action="store_true", help="let Stripe pay out nothing by itself")
        parser.add_argument(
            "--replace", action="store_true", help="make new endpoints, with new secrets, and remove the former ones"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = (options["url"] or settings.SITE_URL).rstrip("/") + "/webhooks/stripe"
        try:
            self._account(manual=options["manual_payouts"] and not options["check"])
            if not options["check"]:
                self._endpoints(url, replace=options["replace"])
        except GatewayUnavailable as error:
            raise CommandError(f"Stripe did not do it: {error}") from error

    def _account(self, *, manual: bool) -> None:
        there = setting_up.account()
        mode = "live: money moves" if there.is_live else "test mode: no money moves"
        self.stdout.write(f"Account {there.reference} ({there.country}, {there.currency}), {mode}.")
        if not there.may_charge:
            self.stdout.write("It may not take payments yet: finish its activation in Stripe's dashboard.")
        if there.interval == "manual":
            self.stdout.write("Its balance is paid out by hand, as it must be.")
        elif manual:
            setting_up.pay_out_by_hand()
            self.stdout.write(f"Its balance was paid out {there.interval} and is paid out by hand from now on.")
        else:
            self.stdout.write(
                f"Its balance is paid out {there.interval}: then money that creators are owed may be gone when it is"
                " transferred. Run with --manual-payouts to change that."
            )

    def _endpoints(self, url: str, *, replace: bool) -> None:
        if not url.startswith("https://"):
            raise CommandError(f"Stripe sends events to https addresses only, not to {url}: give --url.")
        made = setting_up.endpoints(url=url, replace=replace)
        for one in made:
            self.stdout.write(f"{one.did}: the endpoint {one.reference} ({one.kind}) at {url}")
        if secrets := [one.secret for one in made if one.secret]:
            self.stdout.write(
                "Set this for web and worker, now: Stripe says it once only.\n"
                f"WORLDLOOM_STRIPE_WEBHOOK_SECRETS={','.join(secrets)}"
            )
        elif not settings.STRIPE["webhook_secrets"]:
            self.stdout.write(
                "WORLDLOOM_STRIPE_WEBHOOK_SECRETS is not set, and the secrets of endpoints that are there are not said"
                " again: run with --replace for new ones."
            )
