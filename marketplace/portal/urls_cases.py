"""Addresses of the operator's desk for orders, disputes, refunds that are asked for, and payouts to creators."""

from django.urls import path

from marketplace.portal.views import creator_payouts, disputes, left_returns, left_tries, orders, refund_requests

urlpatterns = [
    path("refunds/asked", refund_requests.asked, name="desk-asked"),
    path("refunds/asked/<uuid:asked>", refund_requests.one, name="desk-asked-one"),
    path("refunds/mend/<uuid:refund>", refund_requests.mend, name="desk-refund-mend"),
    path("payouts", creator_payouts.creators, name="desk-payouts"),
    path("payouts/<slug:handle>", creator_payouts.creator, name="desk-payouts-of"),
    path("payouts/<slug:handle>/hold", creator_payouts.hold, name="desk-payouts-hold"),
    path("payouts/<slug:handle>/release", creator_payouts.release, name="desk-payouts-release"),
    path("payouts/<slug:handle>/again/<uuid:payout>", creator_payouts.again, name="desk-payouts-again"),
    path("payouts/<slug:handle>/risk", creator_payouts.risk, name="desk-payouts-risk"),
    path("payouts/<slug:handle>/checks/<slug:kind>", creator_payouts.check, name="desk-payouts-check"),
    path("payouts/<slug:handle>/policy/<str:currency>", creator_payouts.policy, name="desk-payouts-policy"),
    path("orders", orders.orders, name="desk-orders"),
    path("orders/left", left_tries.tries, name="desk-left"),
    path("orders/left/<int:attempt>", left_tries.one, name="desk-left-one"),
    path("orders/left/refunds/<uuid:refund>", left_returns.refund, name="desk-left-refund"),
    path("orders/left/money/<int:stray>", left_returns.stray, name="desk-left-stray"),
    path("orders/<uuid:order>", orders.order, name="desk-order"),
    path("orders/<uuid:order>/way.json", orders.way_json, name="desk-order-json"),
    path("disputes", disputes.disputes, name="desk-disputes"),
    path("disputes/<uuid:dispute>", disputes.dispute, name="desk-dispute"),
    path("disputes/<uuid:dispute>/make", disputes.make, name="desk-dispute-make"),
    path("disputes/<uuid:dispute>/send", disputes.send, name="desk-dispute-send"),
    path("disputes/<uuid:dispute>/revoke/<int:part>", disputes.revoke, name="desk-dispute-revoke"),
    path("disputes/<uuid:dispute>/evidence/<int:number>.zip", disputes.evidence, name="desk-evidence"),
]
