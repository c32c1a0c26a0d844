"""What a tab may send, read into checked values."""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from django.utils.translation import gettext as _
from rest_framework import serializers

from backend.common.errors import Invalid

LONGEST_FRAME: Final = 512 * 1024
LARGEST_NUMBER: Final = 2**31 - 1

# Any: validated JSON values, named by the serializers below.
Values = dict[str, Any]


class MessageSendInput(serializers.Serializer[Any]):
    client_id = serializers.CharField(max_length=64)
    text = serializers.CharField(trim_whitespace=False)
    conversation_id = serializers.UUIDField(required=False, allow_null=True)
    assistant = serializers.CharField(max_length=60, required=False, allow_null=True)
    parent_id = serializers.UUIDField(required=False, allow_null=True)


class ReplyInput(serializers.Serializer[Any]):
    message_id = serializers.UUIDField()


class RegenerateInput(ReplyInput):
    client_id = serializers.CharField(max_length=64, required=False, default="")


class FollowInput(ReplyInput):
    after_seq = serializers.IntegerField(min_value=0, max_value=LARGEST_NUMBER, default=0)


class RunFollowInput(serializers.Serializer[Any]):
    run_id = serializers.UUIDField()
    after_step = serializers.IntegerField(min_value=-1, max_value=LARGEST_NUMBER, default=-1)
    after_offset = serializers.IntegerField(min_value=0, max_value=2**53, default=0)


SHAPES: Final[Mapping[str, type[serializers.Serializer[Any]]]] = {
    "message.send": MessageSendInput,
    "reply.follow": FollowInput,
    "reply.stop": ReplyInput,
    "reply.regenerate": RegenerateInput,
    "reply.continue": ReplyInput,
    "run.follow": RunFollowInput,
}


def parsed(text: str | None) -> Values:
    """The JSON object of a frame.

    Raises:
        Invalid: it is too large, no text, no JSON or no object.
    """
    if text is None:
        raise Invalid(_("Send text, not bytes."), code="not_text")
    if len(text) > LONGEST_FRAME:
        raise Invalid(_("This message is too large."), code="too_large", limit_bytes=LONGEST_FRAME)
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid(_("This message is not JSON."), code="not_json") from error
    if not isinstance(value, dict):
        raise Invalid(_("Send one JSON object."), code="not_an_object")
    return value


def checked(message: Values) -> Values:
    """The message's values without its type.

    Raises:
        Invalid: an unknown type, or fields that are missing or wrong.
    """
    kind = message.get("type")
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise Invalid(_("There is no message of this type."), code="unknown_type")
    given = shape(data=message)
    if not given.is_valid():
        field, sentences = next(iter(given.errors.items()))
        raise Invalid(f"{field}: {sentences[0]}", **given.errors)
    return dict(given.validated_data)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
