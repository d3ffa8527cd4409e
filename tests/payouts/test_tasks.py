"""What the worker does for the books, and how often."""

from procrastinate.contrib.django import app

from marketplace.payouts import proving, tasks
from marketplace.payouts.policies import BooksCheck


def test_the_books_are_checked_every_hour():
    [check] = [task for task in app.periodic_registry.periodic_tasks.values() if task.task.name == tasks.check.name]
    assert check.cron == "17 * * * *"


def test_each_problem_is_critical_and_recorded(db, monkeypatch, caplog):
    monkeypatch.setattr(proving, "check_books", lambda: ["Sale a is wrong.", "Sale 100%s is wrong."])
    tasks.check(0)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert said == [("CRITICAL", "Sale a is wrong."), ("CRITICAL", "Sale 100%s is wrong.")]
    assert BooksCheck.objects.get().problems == ["Sale a is wrong.", "Sale 100%s is wrong."]


def test_books_that_are_right_log_nothing(db, caplog):
    tasks.check(0)
    assert caplog.records == []
    assert BooksCheck.objects.get().problems == []
