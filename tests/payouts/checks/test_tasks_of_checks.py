"""What the worker does for checks and risk, and how often."""

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django import app

from marketplace.payouts import tasks
from marketplace.payouts.checks.base import Finding
from marketplace.payouts.checks.tables import CreatorCheck
from marketplace.payouts.operations import set_risk_level
from marketplace.payouts.risk import RiskAssessment
from marketplace.payouts.risk_rules import Kept


def test_checks_come_every_five_minutes_and_risk_every_hour():
    crons = {one.task.name: one.cron for one in app.periodic_registry.periodic_tasks.values()}
    assert (crons[tasks.check_creators.name], crons[tasks.assess_risk.name]) == ("*/5 * * * *", "23 * * * *")


def test_checks_are_asked_for_answered_and_let_go(alice, alices, earn, settings, screening):
    settings.CHECK_SANCTIONS = True
    earn(alices, "order-line:1", timezone.now() - timedelta(days=1))
    screening.says = {"sanctions": Finding(CreatorCheck.State.NEEDED, reason="write your name in Latin letters")}
    tasks.check_creators(0)
    states = CreatorCheck.objects.order_by("pk").values_list("state", "reason")
    assert list(states) == [("needed", ""), ("needed", "write your name in Latin letters")]
    settings.CHECK_SANCTIONS = False
    tasks.check_creators(0)
    assert list(states.all())[2:] == [("lifted", "")]


def test_everybody_is_assessed(alice, alices, earn):
    set_risk_level(
        level=1,
        days_selling_below=None,
        days_here_below=3650,
        disputed_ppb_from=None,
        refunded_ppb_from=None,
        window_days=1,
        least_sales=1,
        kept=Kept(1, 0, 0),
        reason="you are new here",
        by="olga",
        now=timezone.now(),
    )
    earn(alices, "order-line:1", timezone.now())
    RiskAssessment.objects.get()
    tasks.assess_risk(0)
    assert RiskAssessment.objects.get().level == 1
