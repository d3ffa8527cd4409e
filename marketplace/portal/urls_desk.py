"""Addresses of the operator's desk."""

from django.conf import settings
from django.urls import include, path

from marketplace.portal.views import desk, reconciliation, refunds, sandbox, years

urlpatterns = [
    path("books", desk.books, name="desk-books"),
    path("books/trial-balance.csv", desk.trial_csv, name="desk-trial-csv"),
    path("books/aging", desk.aging, name="desk-aging"),
    path("books/aging.csv", desk.aging_csv, name="desk-aging-csv"),
    path("refunds", refunds.refunds, name="desk-refunds"),
    path("refunds/<uuid:line>", refunds.refund, name="desk-refund"),
    path("", include("marketplace.portal.urls_cases")),
    path("", include("marketplace.portal.urls_rules")),
    path("reconciliation", reconciliation.reconciliation, name="desk-reconciliation"),
    path("reconciliation.csv", reconciliation.csv, name="desk-reconciliation-csv"),
    path("reconciliation/now", reconciliation.now, name="desk-reconciliation-now"),
    path("reconciliation/lines/<int:number>", reconciliation.line, name="desk-reconciliation-line"),
    path("years", years.years, name="desk-years"),
    path("years.csv", years.years_csv, name="desk-years-csv"),
]
if settings.ADAPTERS["payments"].endswith(".SandboxGateway"):
    urlpatterns.append(path("sandbox", sandbox.sandbox, name="desk-sandbox"))
