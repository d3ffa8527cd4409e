"""Who asks: a studio, or a creator about their own statements, by an API key."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from marketplace.people import queries as people
from marketplace.people.models import ApiKey, Person


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer wl_…` (RFC 6750, section 2.1); never a key in an address."""

    def authenticate(self, request: Request) -> tuple[Person, ApiKey] | None:
        """This will return who made the key and the key itself, None without a header."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        key = self.find(words[1].decode("latin-1")) if len(words) == 2 else None
        if key is None:
            raise AuthenticationFailed(self.unknown())
        return key.created_by, key

    def find(self, secret: str) -> ApiKey | None:
        """This will find the live key of a studio behind a secret."""
        return people.api_key(secret)

    def unknown(self) -> str:
        """This will say that there is no such key, and where one is made."""
        return _("The API key is unknown, mistyped or revoked: make one on your studio's page.")

    def authenticate_header(self, request: Request) -> str:
        """This will name the scheme, so that a missing key is answered with 401."""
        return 'Bearer realm="worldloom"'


class CreatorKeyAuthentication(ApiKeyAuthentication):
    """The same header with the key that a creator made for statements and payouts; no other opens anything here."""

    def find(self, secret: str) -> ApiKey | None:
        """This will find the live key of a creator behind a secret."""
        return people.creator_key(secret, ApiKey.STATEMENTS, ApiKey.PAYOUTS)

    def unknown(self) -> str:
        """This will say that there is no such key, and where one is made."""
        return _("The API key is unknown, revoked or not for statements: make one in the portal.")


class PayoutKeyAuthentication(CreatorKeyAuthentication):
    """The same with the key that a creator made for payouts, which may also choose how they are paid."""

    def find(self, secret: str) -> ApiKey | None:
        """This will find the live key of a creator behind a secret."""
        return people.creator_key(secret, ApiKey.PAYOUTS)

    def unknown(self) -> str:
        """This will say that there is no such key, and where one is made."""
        return _("The API key is unknown, revoked or not for payouts: make one in the portal.")


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells OpenAPI of the keys."""

    target_class = "marketplace.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """This will describe the header."""
        return {"type": "http", "scheme": "bearer", "description": "A studio's API key, as in `wl_…`."}


class CreatorKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells OpenAPI of creators' keys."""

    target_class = "marketplace.api.authentication.CreatorKeyAuthentication"
    match_subclasses = True
    name = "creatorKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """This will describe the header."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A creator's API key, as in `wl_…`.",
        }
