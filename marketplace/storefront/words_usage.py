"""What the parts of a charge, and where its money is, are called on pages."""

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

LINE_KINDS: Names = {
    "license": gettext_lazy("The license"),
    "contract": gettext_lazy("By contract"),
    "pool": gettext_lazy("The pool"),
}
LINE_STATES: Names = {
    "free": gettext_lazy("Nothing to pay"),
    "to-bill": gettext_lazy("To be billed"),
    "open": gettext_lazy("Being paid"),
    "paid": gettext_lazy("Paid"),
    "declined": gettext_lazy("Declined, billed again next month"),
}
LINE_TONES = {"declined": "warn", "to-bill": "accent"}
SOURCES: Names = {
    "api": gettext_lazy("Signed by your renderer"),
    "runner": gettext_lazy("Run by us"),
    "upload": gettext_lazy("Uploaded picture"),
}
