"""Who buys for a studio is told in time, in their language, and once."""

import email
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from marketplace.licensing import operations as licensing
from marketplace.licensing.holdings import Notice
from marketplace.licensing.models import Grant, Offer
from marketplace.licensing.noticing import give_notices, send_letter
from marketplace.licensing.tasks import send_notice
from marketplace.licensing.terms.ready import READY
from marketplace.payouts.rules import Money
from marketplace.people.operations import give_seat
from tests.api.studios import Market
from tests.cast import NOON, later, person

YEAR = replace(READY["studio"], name="a year", duration_days=365)
FEW_DAYS = replace(READY["studio"], name="ten days", duration_days=10)


def offered(market: Market, terms: Any = YEAR, **more: Any) -> Offer:
    return licensing.offer(release=market.world, terms=terms, price=Money(5_000, "USD"), now=NOON, **more)


@pytest.fixture
def year(market: Market) -> Grant:
    """A license for a year from noon on."""
    return licensing.grant(offer=offered(market), studio=market.cast.studio, source="order-line:1", now=NOON)


def told() -> list[str]:
    return [notice.kind for notice in Notice.objects.order_by("id")]


def letters() -> list[dict[str, Any]]:
    jobs = ProcrastinateJob.objects.filter(task_name="licensing.send_notice").order_by("id")
    return [job.args for job in jobs]


def deliver() -> list[Any]:
    """What the worker sends of all that waits."""
    mail.outbox.clear()
    for args in letters():
        send_letter(notice_id=args["notice_id"], person_id=UUID(args["person_id"]))
    return mail.outbox


def test_a_studio_is_told_thirty_and_seven_days_before_and_at_the_end(market: Market, year: Grant) -> None:
    given = {day: give_notices(now=later(days=day)) for day in (334, 335, 336, 357, 358, 364, 365, 366, 400)}

    assert given == {334: 0, 335: 1, 336: 0, 357: 0, 358: 1, 364: 0, 365: 1, 366: 0, 400: 0}
    assert told() == ["ends-30", "ends-7", "ended"]
    assert [one.to for one in deliver()] == [["carol@example.com"]] * 3
    assert mail.outbox[0].subject == "The license for alice/yunhai ends on Nov 22, 2027"
    assert mail.outbox[0].body == (
        "Hello Carol,\n\n"
        "the license of Lantern Films for alice/yunhai 1.0.0 under “a year” ends on Nov 22, 2027. Renew it before then"
        " if you go on using it.\n\n"
        f"The license: http://127.0.0.1:8000/licenses/{year.pk}\n\n"
        "You get this because you buy for Lantern Films. Each notice is sent once.\n"
    )
    assert mail.outbox[2].subject == "Ended: alice/yunhai"


def test_whoever_was_not_told_in_time_is_told_what_matters_now(year: Grant) -> None:
    assert give_notices(now=later(days=360)) == 1
    assert told() == ["ends-7"]


def test_owners_and_buyers_are_told_and_members_are_not(market: Market, year: Grant) -> None:
    cast = market.cast
    for name, role in (("erin", "buyer"), ("frank", "member"), ("gone", "owner")):
        give_seat(studio=cast.studio, by=cast.carol, email=person(name).email, role=role, now=NOON)
    gone = cast.studio.seats.get(person__email="gone@example.com").person
    gone.is_active = False
    gone.save()

    give_notices(now=later(days=340))

    assert [one.to for one in deliver()] == [["carol@example.com"], ["erin@example.com"]]


def test_short_licenses_are_not_said_to_end_when_they_begin(market: Market) -> None:
    licensing.grant(offer=offered(market, FEW_DAYS), studio=market.cast.studio, source="order-line:2", now=NOON)

    given = [give_notices(now=later(days=day)) for day in range(12)]

    assert given == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    assert told() == ["ends-7", "ended"]


def test_what_was_renewed_does_not_end_and_what_is_over_is_not_told(market: Market, year: Grant) -> None:
    offer, studio = year.offer, market.cast.studio
    renewal = licensing.grant(
        offer=offer, studio=studio, source="order-line:2", kind="renewal", replaces=year, now=later(days=320)
    )
    revoked = licensing.grant(offer=offer, studio=studio, source="order-line:3", now=NOON)
    licensing.set_status(grant=revoked, status="revoked", reason="lost", now=later(days=1))

    for day in (321, 336, 358, 365):
        give_notices(now=later(days=day))

    assert list(Notice.objects.values_list("grant", "kind")) == [(renewal.pk, "renewed")]
    assert deliver()[0].subject == "Renewed: alice/yunhai"
    assert "was renewed from Nov 22, 2027 on." in mail.outbox[0].body


def test_subscriptions_are_said_to_be_renewed_and_monthly_ones_only_to_have_ended(market: Market) -> None:
    for place, model in enumerate(("monthly", "yearly")):
        offer = offered(market, replace(READY["studio"], name=model), model=model)
        ends_at: datetime = later(days=40)
        licensing.grant(offer=offer, studio=market.cast.studio, source=f"order-line:{place}", ends_at=ends_at, now=NOON)

    given = [give_notices(now=later(days=day)) for day in (11, 34, 40, 41)]

    assert given == [1, 1, 0, 2]
    assert [one.subject for one in deliver()][:2] == ["The subscription to alice/yunhai is paid until Jan 1, 2027"] * 2


def test_a_person_reads_it_in_their_language(market: Market, year: Grant) -> None:
    carol = market.cast.carol
    carol.language = "zh-hans"
    carol.save()

    give_notices(now=later(days=340))

    assert "2027年11月22日" in deliver()[0].subject


def test_a_notice_goes_with_its_letters_and_comes_once(market: Market, year: Grant) -> None:
    assert give_notices(now=later(days=340)) == 1
    notice = Notice.objects.get()
    assert letters() == [{"notice_id": notice.pk, "person_id": str(market.cast.carol.pk)}]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM licensing_notice")
        assert cursor.fetchone() == (1,)

    mail.outbox.clear()
    send_notice(notice_id=notice.pk, person_id=str(market.cast.carol.pk))
    assert len(mail.outbox) == 1


def test_without_a_server_letters_are_files(market: Market, year: Grant, settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = settings.ADAPTERS["mail"]
    settings.EMAIL_FILE_PATH = tmp_path / "mail"

    give_notices(now=later(days=340))
    deliver()

    (file,) = (tmp_path / "mail").iterdir()
    written = email.message_from_bytes(file.read_bytes())
    assert (written["To"], written["From"]) == ("carol@example.com", "Worldloom <worldloom@localhost>")
