from django.apps import AppConfig


class ProviderConfig(AppConfig):
    name = "marketplace.provider"
    label = "provider"
    default_auto_field = "django.db.models.BigAutoField"
