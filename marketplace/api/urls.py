"""Addresses of the licensing API, version 1."""

from django.urls import path, re_path

from marketplace.api.views import catalog, documents, licensing

urlpatterns = [
    path("schema", documents.Schema.as_view(), name="api-schema"),
    path("docs", documents.docs, name="api-docs"),
    path("packs", catalog.Packs.as_view(), name="api-packs"),
    path("packs/<slug:creator>/<slug:pack>", catalog.Pack.as_view(), name="api-pack"),
    path("releases/<str:digest>", catalog.Release.as_view(), name="api-release"),
    path("verify/<str:sha256>", catalog.Verify.as_view(), name="api-verify"),
    path("orders", licensing.Orders.as_view(), name="api-orders"),
    path("orders/<uuid:order_id>", licensing.Order.as_view(), name="api-order"),
    path("grants", licensing.Grants.as_view(), name="api-grants"),
    path("grants/<uuid:grant_id>", licensing.Grant.as_view(), name="api-grant"),
    path("grants/<uuid:grant_id>/download", licensing.Download.as_view(), name="api-download"),
    re_path(r"^(?P<rest>[\s\S]*)\Z", documents.Nothing.as_view(), name="api-nothing"),
]
