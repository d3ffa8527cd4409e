"""What papers, taxes and states are called."""

from django.utils.translation import gettext_lazy, pgettext_lazy

from marketplace.ui.formats import Names

KINDS: Names = {
    "invoice": pgettext_lazy("paper", "Invoice"),
    "receipt": pgettext_lazy("paper", "Receipt"),
    "credit-note": pgettext_lazy("paper", "Credit note"),
    "debit-note": pgettext_lazy("paper", "Cancelled credit note"),
}

REASONS: Names = {
    "reverse-charge": gettext_lazy("Reverse charge"),
    "outside-scope": gettext_lazy("Not taxed here"),
    "exempt": gettext_lazy("Exempt"),
}
"""Why a tax is zero, in a word."""

SENTENCES: Names = {
    "reverse-charge": gettext_lazy(
        "Reverse charge: the recipient of the service accounts for the VAT"
        " (articles 44 and 196 of Directive 2006/112/EC)."
    ),
    "outside-scope": gettext_lazy("No tax of the buyer’s place is charged by this seller."),
    "exempt": gettext_lazy("This supply is exempt from tax."),
}
"""The same as papers have to say it."""

STATES: Names = {
    "paid": gettext_lazy("Paid on %(day)s."),
    "free": gettext_lazy("Nothing was to be paid."),
    "given-back": gettext_lazy("Given back on %(day)s."),
    "taken-back": gettext_lazy("Taken back by the buyer’s bank; decided on %(day)s."),
    "returned": gettext_lazy("Its money came back from the buyer’s bank on %(day)s."),
}

LINE_KINDS: Names = {
    "buy": gettext_lazy("License"),
    "renewal": gettext_lazy("Renewal"),
    "upgrade": gettext_lazy("Upgrade"),
    "usage": gettext_lazy("Use"),
}
