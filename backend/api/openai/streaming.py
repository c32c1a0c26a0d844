"""A streamed chat completion: the reply's events as OpenAI's server-sent ones."""

from typing import TYPE_CHECKING, Any, Final

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from backend.api.openai import shapes
from backend.api.openai.errors import body_of, failed_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from backend.api.openai.answers import Answer, Event

# A comment this often keeps proxies from taking a long wait for a dead connection.
COMMENT_EVERY_S: Final = 15.0


class Events:
    """The body of the response. Django closes it whatever becomes of the request."""

    def __init__(self, answer: "Answer", *, model: str, include_usage: bool) -> None:
        self._answer = answer
        self._model = model
        self._include_usage = include_usage
        self._adapter: str | None = None
        self._sources: list[Any] = []  # Any: retrieval's shape

    def close(self) -> None:
        self._answer.leave()

    async def __aiter__(self) -> "AsyncIterator[str]":
        yield self._chunk({"role": "assistant", "content": ""})
        try:
            async for event in self._answer.events(silence_s=COMMENT_EVERY_S):
                if event is None:
                    yield ": waiting\n\n"
                    continue
                for text in self._texts(event):
                    yield text
        finally:
            self._answer.leave()

    def _texts(self, event: "Event") -> list[str]:
        match event["type"]:
            case "reply.started":
                adapter = event["adapter"]
                self._adapter = adapter["name"] if adapter else None
            case "reply.sources":
                self._sources = event["sources"]
            case "reply.token":
                return [self._chunk({"content": event["text"]})]
            case "reply.reasoning":
                return [self._chunk({"reasoning_content": event["text"]})]
            case "reply.finished":
                return self._last(event["finish_reason"], event)
            case "reply.stopped":
                return self._last("stop", event)
            case "reply.interrupted":
                return [_failure("interrupted", _("The answer broke off. Ask again."))]
            case "reply.failed":
                return [_failure(event["code"], event["message"])]
        return []

    def _last(self, finish_reason: str, event: "Event") -> list[str]:
        accepted = self._answer.accepted
        ours = shapes.ours(accepted, self._adapter, self._sources)
        last = shapes.chunk(accepted, model=self._model, delta={}, finish_reason=finish_reason)
        texts = [shapes.sse(last | {"loredesk": ours})]
        if self._include_usage:
            counted = shapes.usage_chunk(
                accepted, model=self._model, counted=event.get("usage", {})
            )
            texts.append(shapes.sse(counted | {"loredesk": ours}))
        return [*texts, "data: [DONE]\n\n"]

    def _chunk(self, delta: "Event") -> str:
        return shapes.sse(shapes.chunk(self._answer.accepted, model=self._model, delta=delta))


def streamed(answer: "Answer", *, model: str, include_usage: bool) -> StreamingHttpResponse:
    """The response that carries the answer on; it owns the answer from here."""
    return StreamingHttpResponse(
        Events(answer, model=model, include_usage=include_usage),
        content_type="text/event-stream; charset=utf-8",
        headers={"X-Accel-Buffering": "no"},
    )


def _failure(code: str, message: str) -> str:
    return shapes.sse(body_of(failed_status(code), code, message))
