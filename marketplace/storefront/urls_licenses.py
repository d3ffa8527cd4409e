"""Addresses of what a studio holds: licenses, projects, quotes, and whether it may."""

from django.urls import path

from marketplace.storefront.views import chain_license, entity, holding, licenses, may_i, projects, quotes, usage

urlpatterns = [
    path("licenses", licenses.licenses, name="licenses"),
    path("licenses.csv", licenses.licenses_csv, name="licenses-csv"),
    path("licenses/<uuid:grant>", licenses.license, name="license"),
    path("licenses/<uuid:grant>/chain", chain_license.chain_license, name="license-chain"),
    path("licenses/<uuid:grant>/download", licenses.download, name="download"),
    path("licenses/<uuid:grant>/seats", holding.assign_seat, name="license-seat"),
    path("licenses/<uuid:grant>/seats/<uuid:person>/release", holding.release_seat, name="license-seat-release"),
    path("licenses/<uuid:grant>/subscription/cancel", holding.cancel_subscription, name="license-cancel"),
    path("licenses/<uuid:grant>/subscription/resume", holding.resume_subscription, name="license-resume"),
    path("licenses/<uuid:grant>/subscription/seats", holding.change_seats, name="license-subscription"),
    path("licenses/<uuid:grant>/usage", holding.report_use, name="license-usage"),
    path("licenses/<uuid:grant>/upgrade", holding.upgrade, name="license-upgrade"),
    path("licenses/<uuid:grant>/pass-on", holding.pass_on, name="license-pass-on"),
    path("projects", projects.projects, name="projects"),
    path("projects/<uuid:project>", projects.project, name="project"),
    path("may-i", may_i.may_i, name="may-i"),
    path("usage", usage.usage, name="usage"),
    path("usage.csv", usage.usage_csv, name="usage-csv"),
    path("usage/charges/<uuid:charge>", usage.charge, name="usage-charge"),
    path("usage/charges/<uuid:charge>/uses.csv", usage.charge_csv, name="usage-charge-csv"),
    path("quotes", quotes.quotes, name="quotes"),
    path("quotes/ask", quotes.ask, name="quote-ask"),
    path("quotes/<uuid:quote>", quotes.quote, name="quote"),
    path("quotes/<uuid:quote>/price", quotes.counter, name="quote-counter"),
    path("quotes/<uuid:quote>/accept", quotes.accept, name="quote-accept"),
    path("quotes/<uuid:quote>/decline", quotes.decline, name="quote-decline"),
    path("studio/<uuid:studio_id>/entity", entity.entity, name="studio-entity"),
    path("studio/<uuid:studio_id>/entity/set", entity.set_entity, name="studio-entity-set"),
    path("studio/<uuid:studio_id>/size", entity.declare_size, name="studio-size"),
]
