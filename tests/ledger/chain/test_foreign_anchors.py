"""Dave has the anchorer's key and anchors what the log never had: critical within a minute, and operators are told."""

from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ledger import event_queries
from ledger.chain.jsonrpc import JsonRpc
from ledger.event_models import ForeignAnchor
from ledger.following import follow
from ledger.models import Checkpoint
from ledger.operations import seal
from marketplace.payouts import tasks
from tests.ledger.chain.makers import NOW, Book, Place
from tests.ledger.chain.test_following import inbox as inbox
from tests.ledger.chain.test_following import said
from tests.ledger.conftest import state_asset

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def place(embedded: Place) -> Place:
    return embedded


@pytest.fixture(autouse=True)
def _from_the_beginning() -> None:
    """A process that begins has compared nothing yet."""
    cache.clear()


def ours(word: str) -> Checkpoint:
    state_asset(word)
    seal(now=NOW)
    return Checkpoint.objects.order_by("-size")[0]


def anchored(book: Book, one: Checkpoint, **other: Any) -> None:
    given = {"root": bytes(one.root), "size": one.size, "note_digest": one.note_digest} | other
    book.chain.anchor(**given)


def test_an_anchor_that_is_not_ours_is_told_to_everybody_once(
    book: Book, inbox: JsonRpc, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALARM_ADDRESSES = ["alarm@example.com"]
    anchored(book, ours("a"))
    follow(now=NOW, confirmations=1, rpc=inbox)
    tasks.watch_anchors(0)
    assert (caplog.text, ForeignAnchor.objects.count()) == ("", 0)

    second = ours("b")
    anchored(book, second, root=said("dave"))
    anchored(book, second, root=said("more"), size=second.size + 1)
    follow(now=NOW, confirmations=1, rpc=inbox)
    for _ in range(2):
        tasks.watch_anchors(60)

    whys = list(ForeignAnchor.objects.order_by("event_id").values_list("why", flat=True))
    assert whys == [
        f"our checkpoint of {second.size} entries has another root",
        f"it is of {second.size + 1} entries, and the log has {second.size}",
    ]
    critical = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    assert [one.partition(" is not ours: ")[2].partition(".")[0] for one in critical] == whys
    assert event_queries.findings() == critical
    jobs = list(ProcrastinateJob.objects.filter(task_name="payouts.tell_of_anchor").order_by("id"))
    assert [job.args["address"] for job in jobs] == ["alarm@example.com"] * 2
    with translation.override("en"):
        tasks.tell_of_anchor(**jobs[0].args | {"language": "en"})
    (letter,) = mail.outbox
    assert (letter.subject, letter.to) == ("An anchor on the chain is not ours", ["alarm@example.com"])
    assert whys[0] in letter.body
    assert "Name another anchorer now" in letter.body

    # Another process begins, compares everything, and tells nobody a second time.
    cache.clear()
    tasks.watch_anchors(120)
    assert ForeignAnchor.objects.count() == 2
    assert ProcrastinateJob.objects.filter(task_name="payouts.tell_of_anchor").count() == 2


def test_another_note_under_our_root_is_not_ours_either(book: Book, inbox: JsonRpc) -> None:
    one = ours("a")
    anchored(book, one, note_digest=said("another note"))
    follow(now=NOW, confirmations=1, rpc=inbox)

    tasks.watch_anchors(0)
    assert ForeignAnchor.objects.get().why == f"our checkpoint of {one.size} entries is signed otherwise"
