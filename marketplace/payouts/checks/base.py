"""What Worldloom asks of whoever checks creators before they are paid."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from marketplace.payouts.checks.tables import CreatorCheck


class ScreeningUnavailable(Exception):
    """Nobody answered: what is checked stays as it was, and is asked again."""

    code = "screening-unavailable"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"The check gave no answer ({why}); it is asked again.")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is checked: their public name, and what they told the tax office, empty where they told nothing."""

    creator_id: UUID
    handle: str
    display_name: str
    legal_name: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """How a check stands: needed, pending, passed or failed.

    `reason` is told to the creator, as the end of a sentence or as a code of words.py; a failure must have one.
    """

    state: CreatorCheck.State
    reference: str = ""
    reason: str = ""


class Screening(Protocol):
    """Checks creators; asked again every few minutes until it says passed or failed, and before what passed expires.

    It may call others and is never asked inside a transaction. Raises ScreeningUnavailable where it cannot be known.
    """

    name: str

    def identity(self, subject: Subject) -> Finding:
        """Return whether it is known who the creator is."""
        ...

    def sanctions(self, subject: Subject) -> Finding:
        """Return whether the creator stands on no list of persons who may not be paid."""
        ...
