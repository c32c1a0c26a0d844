"""``python -m ml chat``: a conversation in the terminal, with a model here or behind a server."""

import argparse
import http.client
import json
import queue
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO
from urllib.parse import urlsplit

from ml.errors import ConfigError, MlError, ModelLoadError
from ml.messages import Person, system_message

if TYPE_CHECKING:
    from ml.engines.rolling import Engine

LEAVE: Final = {"exit", "quit", "/exit", "/quit", "退出"}
SILENCE_TIMEOUT_S: Final = 300

Message = dict[str, str]


class Answering(Protocol):
    """Whoever answers: text comes in pieces; closing the iterator stops the computing."""

    def answer(self, messages: Sequence[Message]) -> Iterator[str]: ...

    def close(self) -> None: ...


class Conversation:
    """The turns so far; every question is asked with all of them before it."""

    def __init__(self, answering: Answering, *, system: str = "") -> None:
        self._answering = answering
        self.messages: list[Message] = [{"role": "system", "content": system}] if system else []

    def ask(self, question: str, show: Callable[[str], None]) -> str:
        """The answer to ``question``, shown piece by piece and kept word for word.

        An answer that is interrupted is kept as far as it came; one that fails is not kept.
        """
        messages = [*self.messages, {"role": "user", "content": question}]
        text = ""
        try:
            for piece in self._answering.answer(messages):
                text += piece
                show(piece)
        except KeyboardInterrupt:
            if not text:
                raise
            show(" …")
        self.messages = [*messages, {"role": "assistant", "content": text}]
        return text


class HereAnswering:
    """A model in this process."""

    def __init__(self, folder: Path, *, adapter: Path | None, max_tokens: int) -> None:
        from ml.server.serving import load_engine

        self.engine: Engine = load_engine(folder, name="base", max_batch=1)
        self._max_tokens = max_tokens
        self._model = "base"
        if adapter is not None:
            self._model = "adapter"
            self.engine.load_adapter(self._model, adapter)

    def answer(self, messages: Sequence[Message]) -> Iterator[str]:
        from ml.engines.generation import Piece, Sampling

        pieces: queue.Queue[Piece] = queue.Queue()
        generation = self.engine.submit(
            model=self._model,
            prompt_ids=self.engine.tokens.prompt_ids(
                messages, thinking=self.engine.thinking_of(self._model)
            ),
            max_tokens=self._max_tokens,
            sampling=Sampling(),
            stop=(),
            on_piece=pieces.put,
        )
        try:
            while True:
                piece = pieces.get()
                if piece.error is not None:
                    raise piece.error
                yield piece.text
                if piece.is_last:
                    return
        finally:
            generation.cancel()

    def close(self) -> None:
        self.engine.close()


class ServerAnswering:
    """A model server, in the OpenAI protocol."""

    def __init__(self, url: str, *, model: str | None, max_tokens: int) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in {"http", "https"} or not self._url.hostname:
            raise ConfigError(f"“{url}” is no address of a server.")
        self._max_tokens = max_tokens
        self._model = model or self._first_model()

    def answer(self, messages: Sequence[Message]) -> Iterator[str]:
        body = {
            "model": self._model,
            "messages": list(messages),
            "stream": True,
            "temperature": 0,
            "max_tokens": self._max_tokens,
        }
        connection, response = self._request("POST", "/v1/chat/completions", body)
        try:
            for line in response:
                data = line.decode("utf-8").strip().removeprefix("data:").strip()
                if data == "[DONE]":
                    return
                if data:
                    yield _text_of(json.loads(data))
            raise ModelLoadError("The server broke the answer off.")
        finally:
            connection.close()

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _first_model(self) -> str:
        connection, response = self._request("GET", "/v1/models")
        try:
            models = json.loads(response.read())["data"]
        finally:
            connection.close()
        if not models:
            raise ConfigError("The server has no model.")
        return str(models[0]["id"])

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = kind(self._url.hostname or "", self._url.port, timeout=SILENCE_TIMEOUT_S)
        prefix = self._url.path.rstrip("/").removesuffix("/v1")
        try:
            connection.request(
                method,
                prefix + path,
                body=json.dumps(body) if body is not None else None,
                headers={"Content-Type": "application/json"},
            )
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ModelLoadError(f"The server does not answer: {error}") from error
        if response.status >= 400:
            text = response.read().decode("utf-8", "replace")
            connection.close()
            raise MlError(_failure_of(text))
        return connection, response


def _text_of(event: Any) -> str:  # JSON of a server
    if "error" in event:
        raise MlError(str(event["error"].get("message", event["error"])))
    choices = event.get("choices") or [{}]
    return str((choices[0].get("delta") or {}).get("content") or "")


def _failure_of(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500] or "The server refused the request."


def talk(conversation: Conversation, *, source: TextIO, sink: TextIO) -> None:
    """Questions from ``source``, a line each, answers into ``sink``, until the person leaves.

    Ctrl-C stops an answer; where there is none it leaves, as Ctrl-D and “exit” do.
    """

    def show(text: str) -> None:
        sink.write(text)
        sink.flush()

    while True:
        show("> ")
        try:
            line = source.readline()
            if not line or line.strip().lower() in LEAVE:
                break
            if not line.strip():
                continue
            conversation.ask(line.rstrip("\n"), show)
        except KeyboardInterrupt:
            break
        except MlError as error:
            show(error.message)
        show("\n")
    show("\n")


def run(options: argparse.Namespace) -> int:
    """Talks as the command line says; the exit status."""
    system_prompt: str | None = options.system_prompt
    answering: Answering
    if options.server:
        answering = ServerAnswering(
            options.server, model=options.model, max_tokens=options.max_tokens
        )
    else:
        from ml.base_models import folder_of

        folder = folder_of(
            options.base_model, models_dir=options.models_dir, model_hub=options.model_hub
        )
        answering = HereAnswering(folder, adapter=options.adapter, max_tokens=options.max_tokens)
        if system_prompt is None and options.adapter is not None:
            system_prompt = _system_prompt_of(options.adapter)
    system = system_message(system_prompt or "", Person())
    try:
        talk(Conversation(answering, system=system), source=sys.stdin, sink=sys.stdout)
    finally:
        answering.close()
    return 0


def _system_prompt_of(adapter: Path) -> str:
    """What the adapter was trained under; the card was read when it was loaded."""
    card = adapter / "card.json"
    if not card.is_file():
        return ""
    return str(json.loads(card.read_text(encoding="utf-8")).get("system_prompt") or "")
