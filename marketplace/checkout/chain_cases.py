"""Telling the operators of sales on a chain that could not be honored: at once, and once an hour at most."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from marketplace.checkout.chain_sale_models import ChainSale, ChainSaleStep
from marketplace.people.queries import operators

TOLD_EVERY = timedelta(hours=1)
"""How long one letter stands for all cases that follow it: whoever stole a key can sell a thousand times a minute."""


def is_due(now: datetime) -> bool:
    """This will tell whether a case is one to write letters about: none went out within the last hour."""
    return not ChainSaleStep.objects.filter(told=True, at__gt=now - TOLD_EVERY, at__lte=now).exists()


def tell_operators(sale: ChainSale) -> None:
    """This will lay down a letter to each operator, in the transaction of the case: a mail server may be away."""
    told = {person.email: person.language for person in operators() if person.is_active}
    job = app.configure_task("checkout.tell_of_case")
    for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
        job.defer(sale_id=sale.pk, address=address, language=told.get(address, settings.LANGUAGE_CODE))


def send_letter(*, sale_id: int, address: str, language: str) -> None:
    """This will write one operator of a case, in their language; raises OSError when the mail is not taken."""
    step = ChainSaleStep.objects.select_related("sale").filter(sale=sale_id, state=ChainSaleStep.CASE).latest("id")
    with translation.override(language):
        subject, body = letter(step)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def letter(step: ChainSaleStep) -> tuple[str, str]:
    """This will give subject and text of what an operator is told, in the language that is active."""
    sale = step.sale
    values = {"sale": sale.source, "reason": " ".join(filter(None, (step.reason, step.note))), "number": sale.pk}
    lines = [
        _("A license was sold on the chain and could not be granted: %(sale)s (%(reason)s).") % values,
        _("Transaction %(transaction)s, paid by %(buyer)s for %(licensee)s.")
        % {"transaction": sale.chain_transaction, "buyer": sale.buyer, "licensee": sale.licensee},
        _("The money is in the vault, divided among its payees. What you give back comes from the treasury."),
        _("Run `manage.py chain_sales %(number)d --again`, or say with --because what was done.") % values,
    ]
    return _("A sale on the chain waits for you"), "\n\n".join(lines) + "\n"
