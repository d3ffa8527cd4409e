"""What is checked when a process starts: that the witness policy can be read and kept."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from ledger.witnessing.policy import UnableToReadPolicy, configured


@register(Tags.security)
def witness_policy(app_configs: Sequence[Any] | None, **named: Any) -> list[CheckMessage]:
    """This will name what is wrong with the policy file, so that no command starts with it."""
    try:
        configured()
    except UnableToReadPolicy as error:
        hint = "docs/formats/policy.md says what a policy is; without WORLDLOOM_WITNESS_POLICY no witness is asked."
        return [Error(str(error), hint=hint, id="ledger.E001")]
    return []
