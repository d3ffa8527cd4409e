"""Addresses of the account: who signs in, and the studio's console."""

from django.urls import path

from marketplace.storefront.views import account, orders, payment_methods, refunds

urlpatterns = [
    path("sign-in", account.sign_in, name="sign-in"),
    path("sign-up", account.sign_up, name="sign-up"),
    path("sign-out", account.sign_out, name="sign-out"),
    path("orders", orders.orders, name="orders"),
    path("orders/<uuid:order>", orders.order, name="order"),
    path("orders/<uuid:order>/papers/<slug:name>.<str:form>", orders.paper, name="order-paper"),
    path("orders/<uuid:order>/invoice", orders.invoice, name="order-invoice"),
    path("billing-details", orders.billing, name="billing-details"),
    path("studio", account.studio, name="studio"),
    path("studio/open", account.open_studio, name="studio-open"),
    path("studio/<uuid:studio_id>/seats", account.give_seat, name="studio-seat"),
    path("studio/<uuid:studio_id>/keys", account.issue_key, name="studio-key"),
    path("studio/keys/<uuid:key_id>/revoke", account.revoke_key, name="studio-key-revoke"),
    path("payment-methods", payment_methods.payment_methods, name="payment-methods"),
    path("payment-methods/of/<uuid:studio>", payment_methods.add, name="payment-method-add"),
    path("payment-methods/<uuid:method>/choose", payment_methods.choose, name="payment-method-choose"),
    path("payment-methods/<uuid:method>/remove", payment_methods.remove, name="payment-method-remove"),
    path("payment-methods/for/<uuid:subscription>", payment_methods.use, name="payment-method-use"),
    path("refunds", refunds.refunds, name="refunds"),
    path("refunds/ask/<uuid:line>", refunds.ask, name="refund-ask"),
    path("refunds/<uuid:asked>/withdraw", refunds.withdraw, name="refund-withdraw"),
]
