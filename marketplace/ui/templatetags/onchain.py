"""Tags for what a wallet sends: the word that stands for its account, and each transaction as a command."""

import json
from typing import Any

from django import template
from django.utils.html import conditional_escape
from django.utils.translation import gettext as _

from marketplace.ui import onchain

register = template.Library()


@register.simple_tag
def address_word() -> str:
    """This will write the 64 hexadecimal digits that stand in call data for the account that sends it."""
    return onchain.ADDRESS_WORD


@register.simple_tag
def refusals() -> str:
    """This will write what contracts may answer a wallet with, by the first four bytes of their errors, as JSON."""
    said = {selector: str(sentence) for selector, sentence in onchain.REFUSALS.items()}
    return conditional_escape(json.dumps(said, ensure_ascii=False))


@register.filter
def indented(document: str) -> str:
    """This will set out JSON over lines, so that people can read what they sign; "" stays as it is."""
    return json.dumps(json.loads(document), indent=2, ensure_ascii=False) if document else ""


@register.filter
def wallet_steps(steps: str) -> list[dict[str, Any]]:
    """This will read what `onchain.steps` wrote, each with its `label` and the `command` that sends it with cast."""
    return [
        {"label": step["label"] or _("Transaction %(number)d") % {"number": number}, "command": _command(step)}
        for number, step in enumerate(json.loads(steps), start=1)
    ]


def _command(step: dict[str, Any]) -> str:
    value = int(step["value"], 16)
    words = ["cast", "send", step["to"], step["data"].replace(onchain.ADDRESS_WORD, "$ME"), "--interactive"]
    if value:
        words += ["--value", str(value)]
    lines = [" ".join([*words, "--rpc-url", "$RPC_URL"])]
    if onchain.ADDRESS_WORD in step["data"]:
        lines.insert(0, "ME=$(cast abi-encode 'f(address)' $ADDRESS | cut -c3-)")
    return "\n".join(lines)
