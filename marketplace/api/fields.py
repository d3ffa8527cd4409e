"""The fields that shapes are made of: requests are read strictly, answers are only shown."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.problems import NOT_KNOWN
from marketplace.licensing.terms.model import NOTHING, Scope, all_but, only

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class StrictUUID(serializers.UUIDField):
    """A UUID as RFC 9562 writes it, not a number nor one of its other spellings."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=data if isinstance(data, str) else "")
        return UUID(data)


class StrictText(serializers.CharField):
    """A JSON string, not a number that could be written as one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know, so that a typing error is heard of."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = (
            {name: [_(NOT_KNOWN)] for name in data if name not in self.fields} if isinstance(data, Mapping) else {}
        )
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**error.detail, **unknown}) from None  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


class Shape(serializers.Serializer[Any]):
    """A shape of answers: it is only shown, never filled in."""


class Sha256(serializers.RegexField):
    """64 small hexadecimal digits."""

    def __init__(self, **more: Any) -> None:
        super().__init__(r"^[0-9a-f]{64}$", **more)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1})
class ByLanguage(serializers.DictField):
    """One text a language."""


@extend_schema_field(OpenApiTypes.OBJECT)
class Document(serializers.DictField):
    """JSON of a format that has a page of its own."""


class StrictInteger(serializers.IntegerField):
    """A JSON number without a fraction, not a text or a truth value that could be taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return int(super().to_internal_value(data))


class StrictBoolean(serializers.BooleanField):
    """`true` or `false`, not one of the words for them."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class StrictDay(serializers.DateField):
    """A day as RFC 3339 writes it."""

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", data):
            self.fail("invalid", format="YYYY-MM-DD")
        return date.fromisoformat(str(super().to_internal_value(data)))


_CODES = {"type": "array", "items": {"type": "string"}}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "object", "properties": {"only": _CODES}, "required": ["only"], "additionalProperties": False},
            {
                "type": "object",
                "properties": {"all_but": _CODES},
                "required": ["all_but"],
                "additionalProperties": False,
            },
            _CODES,
        ]
    }
)
class ScopeField(serializers.Field):  # type: ignore[type-arg]
    """Some words (`{"only": [...]}` or the bare list), or everything but some (`{"all_but": [...]}`)."""

    default_error_messages = {
        "invalid": gettext_lazy('Must be a list of words, {{"only": [...]}} or {{"all_but": [...]}}.')
    }

    def to_internal_value(self, data: Any) -> Scope:
        said = {"only": data} if isinstance(data, list) else data
        if not isinstance(said, Mapping) or len(said) != 1 or not said.keys() <= {"only", "all_but"}:
            self.fail("invalid")
        ((name, codes),) = said.items()
        if not isinstance(codes, list) or len(codes) > 400 or not all(isinstance(code, str) for code in codes):
            self.fail("invalid")
        return only(*codes) if name == "only" else all_but(*codes)

    def to_representation(self, value: Scope) -> Any:
        return {"all_but" if value.all_but else "only": sorted(value.codes)}


def no_scope() -> Scope:
    """This will give the scope of nothing, which is what a request that says nothing asks for."""
    return NOTHING
