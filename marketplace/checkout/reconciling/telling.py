"""Telling the operators of a reconciliation: when something is wrong, daily while it lasts, and when it is over."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django import app

from marketplace.checkout.reconciling.tables import Reconciliation
from marketplace.payouts.rules import Money, UnknownCurrency
from marketplace.people.queries import operators
from marketplace.ui.formats import moment_text

log = logging.getLogger(__name__)

TOLD = 20
_EVERY = timedelta(days=1)
BEGAN, LASTS, OVER = "began", "lasts", "over"


def tell(made: Reconciliation) -> None:
    """This will lay down the letters that are due after a reconciliation, and log what is wrong; in its transaction."""
    before = Reconciliation.objects.filter(pk__lt=made.pk).order_by("-pk").first()
    for problem in made.problems[:TOLD]:
        log.critical("%s: %s", made.gateway, sentence(problem))
    if occasion := _occasion(before, made):
        told = {person.email: person.language for person in operators() if person.is_active}
        for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
            job = app.configure_task("checkout.tell_of_reconciliation")
            language = told.get(address, settings.LANGUAGE_CODE)
            job.defer(reconciliation_id=made.pk, occasion=occasion, address=address, language=language)


def _occasion(before: Reconciliation | None, made: Reconciliation) -> str | None:
    if before is None or not before.problems:
        return BEGAN if made.problems else None
    if not made.problems:
        return OVER
    since = _first_of_these(before).ran_at
    return LASTS if (made.ran_at - since) // _EVERY > (before.ran_at - since) // _EVERY else None


def _first_of_these(made: Reconciliation) -> Reconciliation:
    clean = Reconciliation.objects.filter(problems=[], pk__lt=made.pk).order_by("-pk").first()
    after = Reconciliation.objects.filter(pk__gt=clean.pk) if clean else Reconciliation.objects.all()
    return after.earliest("pk")


def sentence(problem: dict[str, Any]) -> str:
    """Return what is wrong as a sentence, in the language that is active."""
    count, values = problem["count"], {"count": problem["count"], "amount": _amount(problem)}
    values["account"] = problem.get("account", "")
    what = problem["what"]
    if what == "only-ours":
        said = ngettext(
            "%(count)s movement is in our books alone and overdue at the gateway: %(amount)s.",
            "%(count)s movements are in our books alone and overdue at the gateway: %(amount)s together.",
            count,
        )
    elif what == "only-theirs":
        said = ngettext(
            "%(count)s line of the gateway is of something that we do not know: %(amount)s.",
            "%(count)s lines of the gateway are of something that we do not know: %(amount)s together.",
            count,
        )
    elif what == "differs":
        said = ngettext(
            "%(count)s line of the gateway says another amount than our books: ours is %(amount)s more.",
            "%(count)s lines of the gateway say other amounts than our books: ours are %(amount)s more together.",
            count,
        )
    elif what == "suspense":
        said = ngettext(
            "%(count)s line of the gateway is in suspense: say what it is. %(amount)s.",
            "%(count)s lines of the gateway are in suspense: say what they are. %(amount)s together.",
            count,
        )
    else:
        said = _others(what)
    return said % values


def _others(what: str) -> str:
    if what == "unread":
        return _("%(amount)s of the gateway’s balance are in no line that it told us.")
    if what == "creator":
        return _("In the account %(account)s are %(amount)s less than what we sent there and is not paid out.")
    return _("%(amount)s between our books and the gateway’s balance are explained by nothing.")


def _amount(problem: dict[str, Any]) -> str:
    try:
        return str(Money(problem["amount_minor"], problem["currency"]))
    except UnknownCurrency:
        return f"{problem['amount_minor']} {problem['currency']}"


def sentences(made: Reconciliation) -> Iterator[tuple[str, datetime | None]]:
    """This will give each thing that is wrong as a sentence, with since when it is."""
    for problem in made.problems:
        since = problem.get("since")
        yield sentence(problem), datetime.fromisoformat(since) if since else None


def send_letter(*, reconciliation_id: int, occasion: str, address: str, language: str) -> None:
    """This will write one operator, in their language, what was found; raises OSError when the mail is not taken."""
    made = Reconciliation.objects.get(pk=reconciliation_id)
    with translation.override(language):
        subject, body = letter(made, occasion)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def letter(made: Reconciliation, occasion: str) -> tuple[str, str]:
    """Return subject and text of what an operator is told, in the language that is active."""
    when = moment_text(made.ran_at)
    if occasion == OVER:
        lines = [_("The reconciliation of %(when)s found nothing wrong.") % {"when": when}]
        lines.append(_("There is nothing that you need to do."))
        return _("The books and the gateway agree again"), "\n\n".join(lines) + "\n"
    subjects = {
        BEGAN: _("The books and the gateway disagree"),
        LASTS: _("The books and the gateway still disagree"),
    }
    told = "\n".join(f"- {sentence(problem)}" for problem in made.problems[:TOLD])
    if (more := len(made.problems) - TOLD) > 0:
        told += "\n" + _("and %(count)s more.") % {"count": more}
    lines = [
        _("The reconciliation of %(when)s found:") % {"when": when},
        told,
        _("Nothing is stopped by this. Look at the operator’s page “Reconciliation”; docs/reconciliation.md says how."),
        _("You are told again in a day while this lasts, and when it is over."),
    ]
    return subjects[occasion], "\n\n".join(lines) + "\n"
