"""What travels over the socket of a tab. ``frontend/src/realtime/events.ts`` mirrors the names.

``seq`` counts the events of one answer from 1, without a gap. The client ignores a ``seq`` that it
has seen and follows again after a gap. The row in the database, not the socket, is the truth.
"""

from typing import TYPE_CHECKING, Any, Final, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from backend.common.errors import DomainError

# --- client → server ---------------------------------------------------------------------------


class MessageSend(TypedDict):
    """A question. The same ``client_id`` again changes nothing and is answered the same.

    Without ``conversation_id`` a conversation is opened with ``assistant`` (slug or id). Without
    ``parent_id`` the question comes after what the page shows; with it, it becomes one more child
    of that answer, or stands beside that question; ``null`` makes another first question.
    """

    type: Literal["message.send"]
    client_id: str
    text: str
    conversation_id: NotRequired[str]
    assistant: NotRequired[str]
    parent_id: NotRequired[str | None]


class ReplyFollow(TypedDict):
    """Everything after ``after_seq``, then live. Following again starts again from there."""

    type: Literal["reply.follow"]
    message_id: str
    after_seq: int


class ReplyStop(TypedDict):
    """End the answer here; its text so far stays. Leaving the page does not stop anything."""

    type: Literal["reply.stop"]
    message_id: str


class ReplyRegenerate(TypedDict):
    """Another answer to the same question, beside this one; answered by ``message.accepted``."""

    type: Literal["reply.regenerate"]
    message_id: str
    client_id: NotRequired[str]


class ReplyContinue(TypedDict):
    """Go on with a stopped or interrupted answer: the same message, its ``seq`` growing on."""

    type: Literal["reply.continue"]
    message_id: str


class RunFollow(TypedDict):
    """What a training run has measured since, then live."""

    type: Literal["run.follow"]
    run_id: str
    after_step: NotRequired[int]
    after_offset: NotRequired[int]


ClientMessage = MessageSend | ReplyFollow | ReplyStop | ReplyRegenerate | ReplyContinue | RunFollow

# --- server → client ---------------------------------------------------------------------------


class MessageAccepted(TypedDict):
    """``message_id`` is the question; ``reply_id`` the answer, which all ``reply.*`` are about."""

    type: Literal["message.accepted"]
    client_id: str
    conversation_id: str
    message_id: str
    reply_id: str


class AdapterName(TypedDict):
    id: str
    name: str


class ReplyStarted(TypedDict):
    """A replier has taken the question; ``adapter`` is null where the base answers alone."""

    type: Literal["reply.started"]
    message_id: str
    seq: int
    adapter: AdapterName | None


class ReplyToken(TypedDict):
    """Several tokens may share one event."""

    type: Literal["reply.token"]
    message_id: str
    seq: int
    text: str


class ReplyReasoning(TypedDict):
    """What a reasoning model thinks before it answers; not part of the message's text."""

    type: Literal["reply.reasoning"]
    message_id: str
    seq: int
    text: str


class ReplySources(TypedDict):
    """The passages that the answer may cite."""

    type: Literal["reply.sources"]
    message_id: str
    seq: int
    sources: list[dict[str, Any]]  # Any: the shape is retrieval's


class Usage(TypedDict):
    """Counted by the model server, therefore missing where it does not count."""

    prompt_tokens: NotRequired[int]
    completion_tokens: NotRequired[int]
    total_tokens: NotRequired[int]


class Timings(TypedDict):
    time_to_first_token_ms: NotRequired[int]  # from the question's arrival
    tokens_per_second: NotRequired[float]
    total_ms: int


class ReplyFinished(TypedDict):
    """``finish_reason`` is ``stop``, or ``length`` where the longest answer was reached."""

    type: Literal["reply.finished"]
    message_id: str
    seq: int
    finish_reason: str
    usage: Usage
    timings: Timings


class ReplyStopped(TypedDict):
    type: Literal["reply.stopped"]
    message_id: str
    seq: int


class ReplyInterrupted(TypedDict):
    """The replier or the model server ended in mid-answer; the text so far stays."""

    type: Literal["reply.interrupted"]
    message_id: str
    seq: int


class ReplyFailed(TypedDict):
    """No answer came: a code for programs, a sentence for people."""

    type: Literal["reply.failed"]
    message_id: str
    seq: int
    code: str
    message: str


class RunMetric(TypedDict):
    type: Literal["run.metric"]
    run_id: str
    step: int
    kind: str
    value: float


class RunState(TypedDict):
    """And beside these every field of the run as ``/api/v1/training-runs/{id}`` gives it."""

    type: Literal["run.state"]
    run_id: str
    step: int


class RunLog(TypedDict):
    """``offset`` is the byte after the text: what to send as ``after_offset``."""

    type: Literal["run.log"]
    run_id: str
    step: int
    offset: int
    text: str


class ErrorBody(TypedDict):
    code: str
    message: str
    details: dict[str, Any]  # Any: documented by the code


class ErrorEvent(TypedDict):
    """A message of the client's that could not be done; ``request`` repeats its type and ids."""

    type: Literal["error"]
    error: ErrorBody
    request: dict[str, str]


ReplyEvent = (
    ReplyStarted
    | ReplyToken
    | ReplyReasoning
    | ReplySources
    | ReplyFinished
    | ReplyStopped
    | ReplyInterrupted
    | ReplyFailed
)
ServerEvent = MessageAccepted | ReplyEvent | RunMetric | RunState | RunLog | ErrorEvent

# The event after which nothing follows, by the state of the row that it tells of.
FINAL: Final = {
    "finished": "reply.finished",
    "stopped": "reply.stopped",
    "interrupted": "reply.interrupted",
    "failed": "reply.failed",
}
FINAL_TYPES: Final = frozenset(FINAL.values())


def error_event(error: "DomainError", request: "dict[str, Any]") -> ErrorEvent:
    """The HTTP error shape as an event, with what the client needs to find its own message."""
    known = ("type", "client_id", "message_id", "conversation_id", "run_id")
    return {
        "type": "error",
        "error": {"code": error.code, "message": error.message, "details": error.details},
        "request": {
            key: value[:100] for key in known if isinstance(value := request.get(key), str)
        },
    }
