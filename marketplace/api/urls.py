"""Addresses of the licensing API, version 1."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

from marketplace.api import views

urlpatterns = [
    path("schema", SpectacularJSONAPIView.as_view(permission_classes=[AllowAny]), name="api-schema"),
    path("packs", views.Packs.as_view(), name="api-packs"),
    path("packs/<slug:creator>/<slug:pack>", views.Pack.as_view(), name="api-pack"),
    path("releases/<str:digest>", views.Release.as_view(), name="api-release"),
    path("licenses", views.Licenses.as_view(), name="api-licenses"),
    path("licenses/<uuid:grant_id>", views.License.as_view(), name="api-license"),
    path("licenses/<uuid:grant_id>/download", views.Download.as_view(), name="api-download"),
    path("verify/<str:sha256>", views.Verify.as_view(), name="api-verify"),
    path("<path:rest>", views.Nothing.as_view(), name="api-nothing"),
]
