"""Addresses of the account: who signs in, and the studio's console."""

from django.urls import path

from marketplace.storefront.views import account

urlpatterns = [
    path("sign-in", account.sign_in, name="sign-in"),
    path("sign-up", account.sign_up, name="sign-up"),
    path("sign-out", account.sign_out, name="sign-out"),
    path("studio", account.studio, name="studio"),
    path("studio/open", account.open_studio, name="studio-open"),
    path("studio/<uuid:studio_id>/seats", account.give_seat, name="studio-seat"),
    path("studio/<uuid:studio_id>/keys", account.issue_key, name="studio-key"),
    path("studio/keys/<uuid:key_id>/revoke", account.revoke_key, name="studio-key-revoke"),
]
