"""Olga sends the evidence once; what nobody answered is asked for again, and nothing is sent that comes too late."""

import json
from types import SimpleNamespace

import pytest
from django.core import mail
from django.db import connection

from marketplace.checkout.evidence import letters, making, submitting
from marketplace.checkout.evidence.standing import standing_of
from marketplace.checkout.evidence.tables import DisputeLetter, EvidenceSubmission, EvidenceSubmissionOutcome
from marketplace.checkout.gateways.base import GatewayUnavailable, Submitted
from marketplace.checkout.gateways.sandbox import SandboxGateway
from marketplace.checkout.gateways.stripe import evidence as stripe
from marketplace.people import operations as people
from tests.cast import NOON, later, person
from tests.checkout.evidence.case import decided, disputed, fetched, seal
from tests.checkout.shop import grant_of


@pytest.fixture
def olga(shop):
    """She runs the house."""
    olga = person("olga")
    people.name_operator(person=olga, now=NOON)
    return olga


@pytest.fixture
def dispute(shop, olga):
    line = shop.line(shop.offer(price_minor=50_00))
    fetched(grant_of(line))
    seal()
    return disputed(line.order)


@pytest.fixture
def bank(monkeypatch):
    """What arrives at the gateway; it may be told to be silent or to refuse."""
    told = SimpleNamespace(got=[], silent=False, refuses="")

    def submit(_self, *, key, dispute_reference, texts, files, now):
        told.got.append((key, dispute_reference, texts, files))
        if told.silent:
            raise GatewayUnavailable("no answer")
        return Submitted("" if told.refuses else "ev_1", not told.refuses, told.refuses)

    monkeypatch.setattr(SandboxGateway, "submit_evidence", submit)
    return told


def silent():
    assert not EvidenceSubmission.objects.exists()
    assert not EvidenceSubmissionOutcome.objects.exists()


def sent(dispute, olga, **more):
    return submitting.submit(**({"dispute": dispute, "by": olga, "now": later(days=5)} | more))


def test_it_is_sent_once_with_texts_and_papers_within_the_limits(dispute, olga, bank):
    made = sent(dispute, olga)
    assert (made.outcome.outcome, made.outcome.reference) == ("accepted", "ev_1")
    assert made.bundle.number == 1
    [(key, reference, texts, files)] = bank.got
    assert key == f"evidence:{dispute.pk}:1"
    assert reference == "dp_1"
    assert texts["customer_email_address"] == "carol@example.com"
    assert {field: name for field, (name, _paper) in files.items()} == {
        "uncategorized_file": "cover.pdf",
        "service_documentation": f"licenses-{grant_of(dispute.order.lines.get()).pk}-certificate.pdf",
    }
    assert all(paper.startswith(b"%PDF-") for _name, paper in files.values())
    with pytest.raises(submitting.UnableToSubmitEvidence, match="Evidence was sent already"):
        sent(dispute, olga)
    assert len(bank.got) == 1
    assert standing_of(dispute).sent == "accepted"
    assert not standing_of(dispute).waits


def test_the_fields_are_those_that_stripe_knows(dispute, olga, bank):
    sent(dispute, olga)
    [(_key, _reference, texts, files)] = bank.got
    assert set(texts) <= stripe.TEXTS
    assert set(files) <= stripe.FILES
    assert sum(map(len, texts.values())) <= stripe.TEXT_CHARACTERS
    assert all(len(paper) <= stripe.FILE_BYTES for _name, paper in files.values())


def test_what_nobody_answered_is_asked_for_again_under_the_same_key(dispute, olga, bank):
    bank.silent = True
    with pytest.raises(GatewayUnavailable):
        sent(dispute, olga)
    assert standing_of(dispute).sent == "open"
    assert submitting.finish_submissions(now=later(days=5, hours=1)) == 0
    bank.silent = False
    assert submitting.finish_submissions(now=later(days=5, hours=2)) == 1
    assert submitting.finish_submissions(now=later(days=5, hours=3)) == 0
    assert {key for key, *_rest in bank.got} == {f"evidence:{dispute.pk}:1"}
    assert EvidenceSubmissionOutcome.objects.get().outcome == "accepted"


def test_what_was_refused_may_be_sent_anew_under_the_next_number(dispute, olga, bank):
    bank.refuses = "The file is too large."
    made = sent(dispute, olga)
    assert (made.outcome.outcome, made.outcome.reason) == ("refused", "The file is too large.")
    assert standing_of(dispute).waits
    bank.refuses = ""
    again = sent(dispute, olga, now=later(days=6))
    assert (again.number, again.outcome.outcome) == (2, "accepted")


def test_a_decided_dispute_takes_nothing(dispute, olga, bank):
    decided(dispute, "lost")
    with pytest.raises(submitting.UnableToSubmitEvidence, match="The dispute is decided"):
        sent(dispute, olga)
    with pytest.raises(submitting.UnableToSubmitEvidence, match="The dispute is decided"):
        submitting.record_by_hand(dispute=dispute, note="by mail", by=olga, now=later(days=10))
    assert bank.got == []
    silent()


def test_without_a_port_it_is_sent_by_hand_and_she_says_how(dispute, olga, monkeypatch):
    monkeypatch.delattr(SandboxGateway, "submit_evidence")
    with pytest.raises(submitting.UnableToSubmitEvidence, match="send it by hand"):
        sent(dispute, olga)
    with pytest.raises(submitting.UnableToSubmitEvidence, match="There is no evidence yet"):
        submitting.record_by_hand(dispute=dispute, note="by mail", by=olga, now=later(days=5))
    making.make_bundle(dispute=dispute, by=olga, now=later(days=5))
    for note in ("", " ", "x" * 201):
        with pytest.raises(submitting.UnableToSubmitEvidence, match="in at most 200 characters"):
            submitting.record_by_hand(dispute=dispute, note=note, by=olga, now=later(days=5))
    silent()
    made = submitting.record_by_hand(dispute=dispute, note="by mail to the bank", by=olga, now=later(days=5))
    assert (made.way, made.outcome.outcome) == ("hand", "accepted")
    with pytest.raises(submitting.UnableToSubmitEvidence, match="sent already"):
        submitting.record_by_hand(dispute=dispute, note="again", by=olga, now=later(days=5))


def test_what_is_on_its_way_is_not_kept_as_sent_by_hand(dispute, olga, bank):
    bank.silent = True
    with pytest.raises(GatewayUnavailable):
        sent(dispute, olga)
    with pytest.raises(submitting.UnableToSubmitEvidence, match="on its way"):
        submitting.record_by_hand(dispute=dispute, note="by mail", by=olga, now=later(days=5))
    assert EvidenceSubmission.objects.count() == 1


def test_the_intent_is_committed_before_the_gateway_hears_of_it(dispute, olga, monkeypatch):
    seen = []

    def submit(_self, *, key, **_rest):
        seen.append((key, EvidenceSubmission.objects.filter(outcome=None).count(), connection.in_atomic_block))
        return Submitted("ev_1", True)

    monkeypatch.setattr(SandboxGateway, "submit_evidence", submit)
    depth = len(connection.savepoint_ids)
    sent(dispute, olga)
    assert seen[0][1] == 1
    assert len(connection.savepoint_ids) == depth


def posted(now):
    """Lays letters down and sends them, as the worker would; gives subject → text of each."""
    letters.write_letters(now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT args FROM procrastinate_jobs WHERE task_name = 'checkout.tell_of_dispute' ORDER BY id")
        jobs = [json.loads(row[0]) for row in cursor.fetchall()]
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'checkout.tell_of_dispute'")
    mail.outbox.clear()
    for job in jobs:
        letters.send_letter(**job)
    return {letter.subject: letter for letter in mail.outbox}


def test_operators_are_written_when_it_opens_three_days_before_and_when_it_ends(dispute, olga, bank):
    first = posted(later(days=4))
    assert set(first) == {"A payment is disputed: $50.00"}
    assert first["A payment is disputed: $50.00"].to == [olga.email]
    assert "It is due on" in first["A payment is disputed: $50.00"].body
    assert f"/desk/disputes/{dispute.pk}" in first["A payment is disputed: $50.00"].body
    assert posted(later(days=5)) == {}
    assert posted(later(days=10, hours=23)) == {}
    assert set(posted(later(days=11, hours=1))) == {"Evidence is due soon: $50.00"}
    assert posted(later(days=12)) == {}
    decided(dispute, "won", later(days=20))
    assert set(posted(later(days=20))) == {"Dispute won: $50.00"}
    assert posted(later(days=21)) == {}
    assert DisputeLetter.objects.count() == 3


def test_nobody_is_alarmed_about_what_was_sent(dispute, olga, bank):
    posted(later(days=4))
    sent(dispute, olga)
    assert posted(later(days=13)) == {}
    decided(dispute, "lost", later(days=20))
    [(subject, letter)] = posted(later(days=20)).items()
    assert subject == "Dispute lost: $50.00"
    assert "decided for the buyer" in letter.body


def test_letters_speak_the_language_of_their_reader(dispute, olga):
    olga.language = "zh-hans"
    olga.save()
    assert "$50.00" in next(iter(posted(later(days=4))))
