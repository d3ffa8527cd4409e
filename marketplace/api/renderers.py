"""Writing answers, and choosing how."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer

OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
"""How everything is written: times in UTC, with a Z."""


class FastJSONRenderer(BaseRenderer):
    """JSON by orjson: UTF-8, UUIDs and times in their standard forms."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """This will write the answer's body, empty for no data."""
        return b"" if data is None else orjson.dumps(data, option=OPTIONS)


class ProblemRenderer(FastJSONRenderer):
    """Lets clients ask for problem details by name; what is no problem is plain JSON all the same."""

    media_type = "application/problem+json"
    format = "problem"


class ZipRenderer(FastJSONRenderer):
    """Lets clients ask for a zip. The zip itself is streamed; only its refusal is rendered, as JSON."""

    media_type = "application/zip"
    format = "zip"


class JoseRenderer(FastJSONRenderer):
    """Lets clients ask for a certificate as it was signed; the view writes it."""

    media_type = "application/jose"
    format = "jws"


class PdfRenderer(FastJSONRenderer):
    """Lets clients ask for a certificate on paper."""

    media_type = "application/pdf"
    format = "pdf"


class TextRenderer(FastJSONRenderer):
    """Lets clients ask for credits as people read them."""

    media_type = "text/plain"
    format = "text"


class PythonRenderer(FastJSONRenderer):
    """Lets clients ask for a script."""

    media_type = "text/x-python"
    format = "python"


class PngRenderer(FastJSONRenderer):
    """Lets clients ask for a picture."""

    media_type = "image/png"
    format = "png"


class CsvRenderer(FastJSONRenderer):
    """Lets clients ask for credits as a table (RFC 4180)."""

    media_type = "text/csv"
    format = "csv"


class SpdxRenderer(FastJSONRenderer):
    """Lets clients ask for credits as an SPDX document."""

    media_type = "application/spdx+json"
    format = "spdx"


class Negotiation(DefaultContentNegotiation):
    """By the header Accept alone; a parameter `format` means nothing here."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)
