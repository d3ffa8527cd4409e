"""Olga sees what is due first, looks at the evidence and sends it; Dave does not."""

import io
import zipfile
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.checkout.disputes import DisputeRevocation
from marketplace.checkout.evidence import making
from marketplace.checkout.evidence.tables import EvidenceBundle, EvidenceSubmission
from marketplace.checkout.gateways.base import GatewayUnavailable, Submitted
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.stripe_models import GatewayInquiry
from marketplace.licensing.queries import status_of
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.conftest import _english, _quick, market, shop  # noqa: F401
from tests.checkout.evidence.case import decided, disputed, fetched, seal
from tests.checkout.shop import grant_of


@pytest.fixture
def desk(shop):  # noqa: F811
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def line(shop):  # noqa: F811
    line = shop.line(shop.offer(price_minor=50_00))
    fetched(grant_of(line), 2)
    seal()
    return line


@pytest.fixture
def dispute(line):
    return disputed(line.order, due_by=later(days=9_000))


def page(answer):
    return " ".join(answer.content.decode().split())


def test_what_is_due_first_stands_on_top_and_decided_ones_below(desk, shop, line):  # noqa: F811
    disputed(line.order, "dp_late", amount_minor=1_00, due_by=later(days=9_000))
    disputed(line.order, "dp_soon", amount_minor=2_00, due_by=later(days=1))
    over = disputed(line.order, "dp_over", amount_minor=3_00)
    decided(over, "lost")
    text = page(desk.get(reverse("desk-disputes")))
    places = [text.index(name) for name in ("dp_soon", "dp_late", "dp_over")]
    assert places == sorted(places)
    assert "overdue" in text
    assert "days left" in text
    assert "Lost" in text
    assert "not made" in text


def test_what_a_bank_only_asks_about_is_listed_with_its_order(desk, line):
    for status in ("warning_needs_response", "warning_under_review"):
        GatewayInquiry.objects.create(
            gateway="sandbox",
            reference="dp_asked",
            charge_reference=line.order.outcome.reference,
            status=status,
            amount_minor=50_00,
            currency="USD",
            due_by=later(days=9),
            at=later(days=2),
        )
    text = page(desk.get(reverse("desk-disputes")))
    assert text.count("dp_asked") == 1
    assert "The bank looks at our answer" in text
    assert reverse("desk-order", args=[line.order_id]) in text
    assert "No dispute is open" in text


def test_she_makes_the_evidence_and_takes_it_along(desk, dispute):
    at = reverse("desk-dispute", args=[dispute.pk])
    assert "put together from the order" in page(desk.get(at))
    text = page(desk.post(reverse("desk-dispute-make", args=[dispute.pk]), follow=True))
    assert "The evidence is made." in text
    assert "customer_email_address" in text
    bundle = EvidenceBundle.objects.get()
    assert bundle.by.email == "olga@example.com"
    assert bundle.sha256 in text
    answer = desk.get(reverse("desk-evidence", args=[dispute.pk, 1]))
    content = b"".join(answer.streaming_content)
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert len(content) == bundle.size_bytes
    assert answer["Content-Disposition"] == 'attachment; filename="evidence-dp_1-1.zip"'
    assert "no-store" in answer["Cache-Control"]
    text = page(desk.post(reverse("desk-dispute-make", args=[dispute.pk]), follow=True))
    assert "Nothing is new since the evidence was made." in text
    assert EvidenceBundle.objects.count() == 1


def test_she_sends_it_once(desk, dispute):
    making.make_bundle(dispute=dispute, by=None, now=later(days=4))
    at = reverse("desk-dispute-send", args=[dispute.pk])
    assert "Send the evidence to the bank" in page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    text = page(desk.post(at, follow=True))
    assert "The bank has the evidence." in text
    assert "Send the evidence to the bank" not in text
    assert "what a bank has is final" in page(desk.post(at, follow=True))
    assert EvidenceSubmission.objects.count() == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (GatewayUnavailable("no answer"), "The payment provider gave no answer"),
        (Submitted("", False, "Too late."), "did not take the evidence: Too late."),
    ],
)
def test_what_the_gateway_says_is_told(desk, dispute, monkeypatch, answer, sentence):
    def submit(_self, **_given):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(SandboxGateway, "submit_evidence", submit)
    text = page(desk.post(reverse("desk-dispute-send", args=[dispute.pk]), follow=True))
    assert sentence in text


def test_without_a_port_she_says_how_she_sent_it(desk, dispute, monkeypatch):
    monkeypatch.delattr(SandboxGateway, "submit_evidence")
    making.make_bundle(dispute=dispute, by=None, now=later(days=4))
    assert "takes no evidence from here" in page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    at = reverse("desk-dispute-send", args=[dispute.pk])
    assert "in at most 200 characters" in page(desk.post(at, {"note": ""}, follow=True))
    assert not EvidenceSubmission.objects.exists()
    text = page(desk.post(at, {"note": "by their form"}, follow=True))
    assert "It is kept that the evidence was sent." in text
    assert "by their form" in text


def test_a_decided_dispute_takes_nothing_more(desk, dispute):
    decided(dispute, "won")
    text = page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    assert "Send the evidence" not in text
    assert "No evidence was sent." in text
    assert "The dispute is decided" in page(desk.post(reverse("desk-dispute-send", args=[dispute.pk]), follow=True))
    assert not EvidenceSubmission.objects.exists()


def test_dave_alice_and_carol_find_no_disputes(desk, dispute, shop):  # noqa: F811
    making.make_bundle(dispute=dispute, by=None, now=later(days=4))
    cast = shop.market.cast
    pages = [("desk-disputes", []), ("desk-dispute", [dispute.pk]), ("desk-evidence", [dispute.pk, 1])]
    for who in (cast.dave, cast.alice.person, cast.carol):
        client = Client()
        client.force_login(who)
        assert [client.get(reverse(name, args=args)).status_code for name, args in pages] == [404] * 3
        for name in ("desk-dispute-make", "desk-dispute-send"):
            assert client.post(reverse(name, args=[dispute.pk])).status_code == 404
    assert EvidenceBundle.objects.count() == 1
    assert not EvidenceSubmission.objects.exists()
    for name, args in (
        ("desk-dispute", [uuid4()]),
        ("desk-evidence", [dispute.pk, 2]),
        ("desk-evidence", [uuid4(), 1]),
    ):
        assert desk.get(reverse(name, args=args)).status_code == 404


def test_another_site_cannot_send(desk, dispute):
    forged = Client(enforce_csrf_checks=True)
    forged.cookies = desk.cookies
    for name in ("desk-dispute-make", "desk-dispute-send"):
        assert forged.post(reverse(name, args=[dispute.pk])).status_code == 403
    assert not EvidenceSubmission.objects.exists()


def lost_in_part(line, **more):
    """The bank took 50.00, and 20.00 came back."""
    found = disputed(line.order)
    decided(found, "won", **{"returned_minor": 20_00, **more})
    return found


def revoked(desk, dispute, words="The license was passed on."):
    part = dispute.parts.get()
    return desk.post(reverse("desk-dispute-revoke", args=[dispute.pk, part.pk]), {"words": words}, follow=True)


def test_a_license_of_which_a_part_was_taken_goes_on_until_she_revokes_it(desk, line):
    dispute = lost_in_part(line)
    text = page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    assert "Won in part" in text
    assert "A license goes on while anything of its price stays paid" in text
    assert "$20.00" in text
    assert status_of(grant_of(line)) == "active"
    for words in ("", " ", "x" * 201):
        assert "Say why, in at most 200 characters." in page(revoked(desk, dispute, words))
    assert (status_of(grant_of(line)), DisputeRevocation.objects.count()) == ("active", 0)

    assert "The license is revoked." in page(revoked(desk, dispute))

    assert status_of(grant_of(line)) == "revoked"
    text = page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
    assert "The license was passed on." in text
    assert "Revoke this license" not in text
    assert "There is no license any more" in page(revoked(desk, dispute))
    assert DisputeRevocation.objects.count() == 1


def test_while_a_bank_decides_or_after_it_gave_all_back_nothing_is_revoked(desk, line, dispute):
    for state in ("suspended", "active"):
        assert "Revoke this license" not in page(desk.get(reverse("desk-dispute", args=[dispute.pk])))
        assert "No money was taken for good" in page(revoked(desk, dispute))
        assert status_of(grant_of(line)) == state
        decided(dispute, "won")
    assert not DisputeRevocation.objects.exists()


def test_dave_revokes_nothing(line, shop):  # noqa: F811
    dispute, client = lost_in_part(line), Client()
    client.force_login(shop.market.cast.dave)
    assert client.post(reverse("desk-dispute-revoke", args=[dispute.pk, 1]), {"words": "x"}).status_code == 404
    assert (status_of(grant_of(line)), DisputeRevocation.objects.count()) == ("active", 0)
