from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "marketplace.storefront"
    label = "storefront"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # The uppermost app brings the house's own checks, which no app below may know.
        import marketplace.checks  # noqa: F401
