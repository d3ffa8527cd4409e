"""What ready-made terms are called, for every page that shows them."""

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

TERMS: Names = {
    "personal": gettext_lazy("Personal"),
    "studio": gettext_lazy("Studio"),
    "enterprise": gettext_lazy("Enterprise"),
}
