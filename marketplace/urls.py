"""Where every address leads."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("marketplace.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("portal/", include("marketplace.portal.urls")),
    path("desk/", include("marketplace.portal.urls_desk")),
    path("webhooks/", include("marketplace.provider.urls")),
    path("", include("marketplace.storefront.urls")),
]
