"""The look stands alone: files keep their own names, and addresses are those that the frame asks for."""

import types

import pytest
from django.http import HttpResponse
from django.urls import path

NAMES = ["home", "browse", "verify", "sell", "licenses", "studio", "api-docs", "api-schema", "log"]
NAMES += ["sign-in", "sign-up", "sign-out", "set-theme", "set_language"]


@pytest.fixture(autouse=True)
def _alone(settings: pytest.FixtureRequest) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    urls = types.ModuleType("urls_of_the_look")
    urls.urlpatterns = [path(f"{name}/", lambda request: HttpResponse(), name=name) for name in NAMES]
    settings.ROOT_URLCONF = urls
