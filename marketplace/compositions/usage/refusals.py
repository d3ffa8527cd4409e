"""What uses are refused for: each error has one sentence in any language, and its place in the batch."""

from collections.abc import Sequence

from marketplace.ui.formats import sentence
from marketplace.ui.words import Values


class UnableToCount(Exception):
    """A use that does not count, and so nothing of its batch does; `where` is a JSON pointer (RFC 6901) into it."""

    code = "use-refused"
    part = "body"

    def __init__(self, template: str, values: Values | None = None, *, where: str = "") -> None:
        super().__init__(template, values, where)
        self.template, self.values, self.where = template, values or {}, where

    def __str__(self) -> str:
        return sentence(self)

    @property
    def findings(self) -> Sequence["UnableToCount"]:
        """The error itself, where it is about one place."""
        return [self] if self.where else []


class UnreadableUsage(UnableToCount):
    """The bytes are no envelope, or what was signed is no batch."""

    code = "usage-unreadable"


class UnsignedUsage(UnableToCount):
    """Nobody whose word counts for the studio signed the batch."""

    code = "usage-unsigned"


class UnlicensedUse(UnableToCount):
    """A layer of the recipe had no license at the time of the use."""

    code = "use-unlicensed"


class NonceReused(UnableToCount):
    """The nonce already stands for another use of the studio's."""

    code = "nonce-reused"


class UnableToKeepKey(Exception):
    """The key could not be registered or ended; `template` and `values` say why in any language."""

    code = "usage-key-refused"

    def __init__(self, template: str, values: Values | None = None) -> None:
        super().__init__(template, values)
        self.template, self.values = template, values or {}

    def __str__(self) -> str:
        return sentence(self)
