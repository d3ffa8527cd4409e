"""What does not fit between us and the chain, in sentences for operators: looked for every hour, and said aloud."""

import logging
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from ledger import event_queries
from ledger.chain.base import ChainUnavailable
from ledger.chain.reading import Reader, reader
from ledger.chain.suite import suite
from ledger.event_models import ForeignAnchor
from ledger.foreign_anchors import find_foreign_anchors
from marketplace.payouts import wallet_queries
from marketplace.payouts.models import Split
from marketplace.payouts.split_proofs import differences
from marketplace.people.queries import operators
from marketplace.ui.formats import moment_text

LOGGER = logging.getLogger(__name__)
NEWEST_SPLITS = 1000


def findings(*, now: datetime) -> list[str]:
    """Return what the chain took back, wallets that nobody proved, and splits that are called otherwise somewhere.

    Of splits the newest thousand are compared; `manage.py check_splits` compares all. While the chain is away, they
    are compared without it.
    """
    newest = Split.objects.order_by("-created_at", "digest").values_list("digest", flat=True)
    digests = list(newest[:NEWEST_SPLITS])
    said = [*event_queries.findings(), *wallet_queries.findings(now=now)]
    if not digests:
        return said
    try:
        return said + list(differences(_reader(), digests=digests))
    except ChainUnavailable:
        return said + list(differences(None, digests=digests))


def say_findings(*, now: datetime) -> int:
    """Log each finding as an error; return how many there are."""
    found = findings(now=now)
    for one in found:
        LOGGER.error("%s", one)
    return len(found)


@transaction.atomic
def watch_anchors(*, now: datetime) -> int:
    """Look for anchors that are not ours among those newly read; return how many there are.

    Each is logged as critical and written about to the operators, once: the letters are laid down with the finding.
    """
    found = find_foreign_anchors(now=now)
    told = {person.email: person.language for person in operators() if person.is_active}
    for foreign in found:
        LOGGER.critical("%s", event_queries.anchor_sentence(foreign))
        for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
            language = told.get(address, settings.LANGUAGE_CODE)
            job = app.configure_task("payouts.tell_of_anchor")
            job.defer(event_id=foreign.pk, address=address, language=language)
    return len(found)


def send_anchor_letter(*, event_id: int, address: str, language: str) -> None:
    """Write one operator, in their language, of an anchor that is not ours; OSError when the mail is not taken."""
    foreign = ForeignAnchor.objects.select_related("event").get(pk=event_id)
    with translation.override(language):
        said = _("At %(when)s, transaction %(transaction)s anchored something that is not our log: %(why)s.")
        lines = [
            said
            % {
                "when": moment_text(foreign.event.block_time),
                "transaction": foreign.event.transaction,
                "why": foreign.why,
            },
            _("Whoever sent it has the anchorer's key. It cannot be taken back, and more may follow."),
            _("Name another anchorer now; docs/operate.md says how, under “A public chain”."),
        ]
        subject = _("An anchor on the chain is not ours")
    send_mail(subject, "\n\n".join(lines) + "\n", settings.DEFAULT_FROM_EMAIL, [address])


def _reader() -> Reader | None:
    return reader() if suite() is not None else None
