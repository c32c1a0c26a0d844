"""OpenAI's bodies and server-sent events."""

import json
import time
from typing import TYPE_CHECKING, Any

from backend.chat.replay import TOKEN_COUNTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backend.chat.models import Message
    from backend.chat.services.questions import Accepted

# Any: JSON.
Json = dict[str, Any]


def completion(row: "Message", accepted: "Accepted", *, model: str) -> Json:
    """The whole answer in one body."""
    message: Json = {"role": "assistant", "content": row.text}
    if row.reasoning:
        message["reasoning_content"] = row.reasoning
    adapter = row.adapter
    return {
        **_head(accepted, model, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": row.finish_reason or "stop",
                "logprobs": None,
            }
        ],
        "usage": usage(row.usage),
        "loredesk": ours(accepted, adapter.name if adapter else None, row.sources),
    }


def chunk(
    accepted: "Accepted", *, model: str, delta: Json, finish_reason: str | None = None
) -> Json:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {**_head(accepted, model, "chat.completion.chunk"), "choices": [choice]}


def usage_chunk(accepted: "Accepted", *, model: str, counted: "Mapping[str, Any]") -> Json:
    """What ``stream_options.include_usage`` asks for, after the last piece."""
    head = _head(accepted, model, "chat.completion.chunk")
    return {**head, "choices": [], "usage": usage(counted)}


def ours(accepted: "Accepted", adapter: str | None, sources: list[Any]) -> Json:
    """What Loredesk adds: the rows behind the answer, and who gave it."""
    return {
        "message_id": str(accepted.reply_id),
        "conversation_id": str(accepted.conversation_id),
        "adapter": adapter,
        "sources": sources,
    }


def usage(counted: "Mapping[str, Any]") -> Json | None:
    """Token counts only; None where the model server does not count."""
    return {name: counted[name] for name in TOKEN_COUNTS if name in counted} or None


def sse(data: Json) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def _head(accepted: "Accepted", model: str, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{accepted.reply_id}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }
