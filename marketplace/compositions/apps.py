from django.apps import AppConfig


class CompositionsConfig(AppConfig):
    name = "marketplace.compositions"
    label = "compositions"
    default_auto_field = "django.db.models.BigAutoField"
