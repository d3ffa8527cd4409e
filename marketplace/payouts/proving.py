"""Proving the books: each proof is recorded, each problem is loud, and while there are any no payout leaves.

Who runs the house is written to when problems begin, once a day while they last, and when they are over. What is
due follows from the proofs themselves, in the order they were recorded in; the letters are jobs of the worker, laid
down with the proof in one transaction, so that a mail server that is away is tried again.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic_ns
from typing import NamedTuple

from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django import app

from marketplace.payouts.policies import BooksCheck
from marketplace.payouts.queries import check_books
from marketplace.people.queries import operators
from marketplace.ui.formats import moment_text

log = logging.getLogger(__name__)

PROBLEMS_KEPT = 1000  # books that are wrong everywhere are as wrong as it gets
PROBLEMS_TOLD = 20
_EVERY = timedelta(days=1)
_PROOFS_LOCK = 0x700C6
BEGAN, LASTS, OVER = "began", "lasts", "over"


class Proof(NamedTuple):
    """What a look at the books found: how many postings there are, and what is wrong with them."""

    postings: int
    problems: list[str]
    took_ms: int


def prove_books(*, now: datetime) -> BooksCheck:
    """Prove the books and record the proof; log each problem, and have the operators told when they must be.

    All questions are asked of the books as they are in one moment, unless the caller is inside a transaction of
    their own. At most a thousand problems are kept, with how many more there are.
    """
    proof = _ask() if connection.in_atomic_block else _ask_of_one_moment()
    check = _record(proof, now)
    for problem in check.problems[:PROBLEMS_TOLD]:
        log.critical("%s", problem)
    if len(proof.problems) > PROBLEMS_TOLD:
        log.critical("The books have %d more problems.", len(proof.problems) - PROBLEMS_TOLD)
    return check


def what_stops_payouts() -> str | None:
    """Return why no payout may be reserved or sent, as a part of a sentence, while the newest proof has problems."""
    newest = BooksCheck.objects.order_by("-pk").first()
    if newest is None or not newest.problems:
        return None
    found = ngettext(
        "the proof of %(when)s UTC found %(count)s problem in the books",
        "the proof of %(when)s UTC found %(count)s problems in the books",
        len(newest.problems),
    )
    return found % {"when": f"{newest.ran_at:%Y-%m-%d %H:%M}", "count": len(newest.problems)}


def _ask_of_one_moment() -> Proof:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _ask()


def _ask() -> Proof:
    began = monotonic_ns()
    problems = check_books()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM payouts_posting")
        (postings,) = cursor.fetchone()
    return Proof(postings, problems, (monotonic_ns() - began) // 1_000_000)


@transaction.atomic
def _record(proof: Proof, now: datetime) -> BooksCheck:
    """Write the proof, and with it the letters that are due; proofs that end at the same time follow each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PROOFS_LOCK])
    kept = proof.problems[:PROBLEMS_KEPT]
    if more := len(proof.problems) - len(kept):
        kept.append(f"And {more} more problems.")
    before = BooksCheck.objects.order_by("-pk").first()
    check = BooksCheck.objects.create(ran_at=now, took_ms=proof.took_ms, postings=proof.postings, problems=kept)
    if occasion := _occasion(before, check):
        told = {person.email: person.language for person in operators() if person.is_active}
        for address in {**dict.fromkeys(settings.ALARM_ADDRESSES, settings.LANGUAGE_CODE), **told}:
            language = told.get(address, settings.LANGUAGE_CODE)
            job = app.configure_task("payouts.tell_of_books")
            job.defer(check_id=check.pk, occasion=occasion, address=address, language=language)
    return check


def _occasion(before: BooksCheck | None, check: BooksCheck) -> str | None:
    """Tell whether the proof is one to write letters about, from what was found before it."""
    if before is None or not before.problems:
        return BEGAN if check.problems else None
    if not check.problems:
        return OVER
    since = _first_of_these(before).ran_at
    return LASTS if (check.ran_at - since) // _EVERY > (before.ran_at - since) // _EVERY else None


def _first_of_these(check: BooksCheck) -> BooksCheck:
    """Return the first proof that found problems since one that found none, up to this one."""
    clean = BooksCheck.objects.filter(problems=[], pk__lt=check.pk).order_by("-pk").first()
    after = BooksCheck.objects.filter(pk__gt=clean.pk) if clean else BooksCheck.objects.all()
    return after.earliest("pk")


def send_letter(*, check_id: int, occasion: str, address: str, language: str) -> None:
    """Write one operator, in their language, what a proof found; raises OSError when the mail is not taken."""
    check = BooksCheck.objects.get(pk=check_id)
    with translation.override(language):
        subject, body = letter(check, occasion)
    send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [address])


def letter(check: BooksCheck, occasion: str) -> tuple[str, str]:
    """Return subject and text of what an operator is told, in the language that is active."""
    when = moment_text(check.ran_at)
    if occasion == OVER:
        said = _("The proof of %(when)s found nothing wrong in %(postings)s postings.")
        lines = [
            said % {"when": when, "postings": check.postings},
            _("Payouts go on with the next settlement; there is nothing that you need to do."),
        ]
        return _("The books agree again: payouts go on"), "\n\n".join(lines) + "\n"
    subjects = {
        BEGAN: _("The books disagree: payouts are stopped"),
        LASTS: _("The books still disagree: payouts are stopped"),
    }
    count = len(check.problems)
    said = ngettext(
        "The proof of %(when)s found %(count)s problem in the books:",
        "The proof of %(when)s found %(count)s problems in the books:",
        count,
    )
    told = "\n".join(f"- {problem}" for problem in check.problems[:PROBLEMS_TOLD])
    if count > PROBLEMS_TOLD:
        told += "\n" + _("and %(count)s more.") % {"count": count - PROBLEMS_TOLD}
    lines = [
        said % {"when": when, "count": count},
        told,
        _("No payout is reserved or sent until a later proof finds nothing. Sales and royalties go on."),
        _("Run `manage.py check_books` and find the cause; docs/operate.md says how, under “Books that disagree”."),
        _("You are told again in a day while this lasts, and when it is over."),
    ]
    return subjects[occasion], "\n\n".join(lines) + "\n"
