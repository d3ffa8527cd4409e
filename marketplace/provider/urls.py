"""Where the provider finds us."""

from django.urls import path

from marketplace.provider.views import webhook

urlpatterns = [path("stripe", webhook, name="stripe-webhook")]
