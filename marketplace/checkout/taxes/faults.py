"""What goes wrong where taxes are asked for."""

from django.utils.translation import gettext as _


class TaxUnavailable(Exception):
    """Nobody could say which taxes are due; nothing was ordered and nothing charged."""

    code = "tax-unavailable"

    def __init__(self, why: str) -> None:
        super().__init__(_("The taxes of this order are not known at the moment: try again in a minute."))
        self.why = why
