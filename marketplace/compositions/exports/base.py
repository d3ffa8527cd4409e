"""What an export is: its form, its bytes, and what the form cannot carry. No Django in here."""

from dataclasses import dataclass

from marketplace.ui.words import Words

EXACT, APPROXIMATE, METADATA = "exact", "approximate", "metadata"
FIDELITIES = (EXACT, APPROXIMATE, METADATA)
"""Paints what the recipe says; paints something like it; paints nothing, and says what was painted with what."""


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms that locks are written in. `lost` is what no recipe keeps in it; `label` is a msgid."""

    name: str
    label: str
    about: str
    file: str
    media_type: str
    fidelity: str
    lost: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A file as a form's writer gives it, what this very lock loses in it, and what is left to be done by hand."""

    data: bytes
    lost: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """A lock in a form: the bytes under a file name, what this very lock loses, and what is left to do by hand."""

    form: Form
    file_name: str
    data: bytes
    lost: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()

    @property
    def fidelity(self) -> str:
        """The label of this very file: what is exact for others is approximate where something is lost."""
        return APPROXIMATE if self.form.fidelity == EXACT and self.lost else self.form.fidelity


class UnableToExport(ValueError):
    """The lock cannot be written in that form at all; `words` say why."""

    code = "export-refused"

    def __init__(self, form: str, words: Words) -> None:
        super().__init__(str(words))
        self.form, self.words = form, words
