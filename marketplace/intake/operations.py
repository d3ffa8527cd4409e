"""Every write about submissions and claims, by name; each verb stands in its module beside its errors."""

from marketplace.intake.claiming import UnableToAnswer, UnableToClaim, answer, decide, run_clocks
from marketplace.intake.composing import publish_composition
from marketplace.intake.entering import PublicationHeld
from marketplace.intake.examining import (
    REFUSALS,
    SignatureNeeded,
    examine,
    examine_again,
    examine_due,
    examine_now,
    publish_signed,
)
from marketplace.intake.publishing import UnableToReadFolder, draw_missing, publish, publish_folder, read_folder
from marketplace.intake.reporting import report
from marketplace.intake.submitting import UnableToWithdraw, hand_in, submit, try_again, withdraw

__all__ = [
    "REFUSALS",
    "PublicationHeld",
    "SignatureNeeded",
    "UnableToAnswer",
    "UnableToClaim",
    "UnableToReadFolder",
    "UnableToWithdraw",
    "answer",
    "decide",
    "draw_missing",
    "examine",
    "examine_again",
    "examine_due",
    "examine_now",
    "hand_in",
    "publish",
    "publish_composition",
    "publish_folder",
    "publish_signed",
    "read_folder",
    "report",
    "run_clocks",
    "submit",
    "try_again",
    "withdraw",
]
