"""What a password must be, where Django's own words are not in every language of ours."""

from django.contrib.auth import password_validation
from django.utils.translation import ngettext


class MinimumLengthValidator(password_validation.MinimumLengthValidator):
    """Django's, in words of ours: its sentence has no Chinese in Django 5.2."""

    def get_error_message(self) -> str:
        """This will say how long a password must be, in the visitor's language."""
        return ngettext(
            "This password is too short: use at least %(least)s character.",
            "This password is too short: use at least %(least)s characters.",
            self.min_length,
        ) % {"least": self.min_length}
