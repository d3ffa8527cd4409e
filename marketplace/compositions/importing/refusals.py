"""What files are refused for: one sentence each, in any language."""

from typing import NoReturn

from marketplace.ui.formats import sentence
from marketplace.ui.words import Value, Values
from marketplace.ui.words import gettext_noop as _


class UnableToImport(Exception):
    """The file cannot be read, or says nothing that is understood; nothing of it was kept."""

    code = "import-refused"

    def __init__(self, template: str, values: Values | None = None) -> None:
        super().__init__(template, values)
        self.template, self.values = template, values or {}

    def __str__(self) -> str:
        return sentence(self)


class UnableToCountPicture(Exception):
    """The picture names no lock of the studio, or somebody who may not say so wants it counted; nothing was written."""

    code = "picture-not-counted"

    def __init__(self, template: str, values: Values | None = None) -> None:
        super().__init__(template, values)
        self.template, self.values = template, values or {}

    def __str__(self) -> str:
        return sentence(self)


def refuse(template: str, **values: Value) -> NoReturn:
    """This will refuse a file."""
    raise UnableToImport(template, values)


DAMAGED = _("The %(kind)s is damaged at byte %(at)d: save it anew, or take the original.")
TOO_MUCH = _("The file says more about itself than %(most)d bytes: what tools write is far less.")
