"""What the tests of composing ask with, and how they read the pages."""

import html
import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

FILM_ASKED: dict[str, Any] = {
    "fields_of_use": "film",
    "media": "video",
    "commercial": "limited",
    "revenue_usd": "500000",
    "derivatives": "private",
    "seats": "5",
    "credited": "on",
}
"""A film of a company that takes in half a million dollars a year, by five people, as the form asks for it."""


def shown(answer: HttpResponse) -> str:
    """What a page says, in one line."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def about(answer: HttpResponse) -> str:
    """What it says of the recipe, layer by layer."""
    page = answer.content.decode()
    part = page[page.index('id="answer"') :].partition("</recipe-check>")[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", f"<{part}")))


def text_in(answer: HttpResponse) -> str:
    """What stands in the text."""
    found = re.search(r'<textarea name="text"[^>]*>\r?\n?(.*?)</textarea>', answer.content.decode(), re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def buttons(answer: HttpResponse) -> list[str]:
    """The changes that the page offers."""
    found = re.findall(r'<button class="btn" name="apply" value="([^"]*)"', answer.content.decode())
    return [html.unescape(one) for one in found]


def composed(browser: Client, text: str, **asked: Any) -> HttpResponse:
    """Presses “Check” for a film."""
    return browser.post("/compose", FILM_ASKED | {"text": text} | asked)  # type: ignore[return-value]
