"""Addresses of the portal."""

from django.urls import path

from marketplace.portal.views import earnings, packs, publish, sell

urlpatterns = [
    path("", sell.sell, name="sell"),
    path("entries.jsonl", sell.entries, name="portal-entries"),
    path("publish", publish.publish, name="publish"),
    path("publish/folder", publish.publish_folder, name="publish-folder"),
    path("earnings", earnings.earnings, name="earnings"),
    path("earnings.csv", earnings.earnings_csv, name="earnings-csv"),
    path("packs/<slug:pack>", packs.pack, name="portal-pack"),
    path("offers/<uuid:offer>/withdraw", packs.withdraw, name="portal-withdraw"),
]
