"""Addresses of the operator's desk for what counts: rates of taxes, sellers of record, levels of risk."""

from django.urls import path

from marketplace.portal.views import desk_risk, desk_taxes

urlpatterns = [
    path("taxes", desk_taxes.rates, name="desk-taxes"),
    path("taxes/add", desk_taxes.add_rate, name="desk-taxes-add"),
    path("taxes/load", desk_taxes.load_rates, name="desk-taxes-load"),
    path("sellers", desk_taxes.sellers, name="desk-sellers"),
    path("sellers/name", desk_taxes.name_seller, name="desk-sellers-name"),
    path("sellers/place", desk_taxes.place, name="desk-sellers-place"),
    path("risk", desk_risk.risk, name="desk-risk"),
    path("risk/level", desk_risk.set_level, name="desk-risk-level"),
    path("risk/now", desk_risk.assess, name="desk-risk-now"),
]
