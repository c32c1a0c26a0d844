"""Text <-> token ids of one model, from the files in its folder.

Knows the tokenizer, the chat template and the limits; loads no weights and needs no torch.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from ml.errors import ConfigError, ModelLoadError
from ml.messages import PromptFormat, render

NAMED_TOKENS: Final = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token")
# Some models name no limit; more than this is nothing that they were trained on.
UNNAMED_CONTEXT_LENGTH: Final = 2048

# The files are JSON of whatever the model's authors wrote.
Json = dict[str, Any]


class Tokens:
    """The tokenizer, chat template and end tokens in a model's folder.

    Raises:
        ModelLoadError: a file is missing or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelLoadError(f"There is no tokenizer.json in {folder}.")
        try:
            self.tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelLoadError(f"{path} cannot be read: {error}") from error
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self._config = _read(folder / "config.json")
        self._tokenizer_config = _read(folder / "tokenizer_config.json")
        self.generation_config = _read(folder / "generation_config.json")

    def ids(self, text: str) -> list[int]:
        """Token ids of ``text`` as it stands; nothing is put before or after it."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def count(self, text: str) -> int:
        return len(self.ids(text))

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=skip_special_tokens))

    def prompt_text(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        thinking: bool | None = None,
    ) -> str:
        return render(
            messages,
            replace(self.prompt_format, thinking=thinking),
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
        )

    def prompt_ids(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        thinking: bool | None = None,
    ) -> list[int]:
        """Token ids of the prompt that the model reads for ``messages``; see ``render()``."""
        text = self.prompt_text(
            messages,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message,
            thinking=thinking,
        )
        return self.ids(text)

    @cached_property
    def prompt_format(self) -> PromptFormat:
        """The chat template with the tokens that it may name.

        Raises:
            ConfigError: the model has none; it is no chat model.
        """
        return PromptFormat(
            chat_template=self._chat_template(),
            special_tokens=self._named_tokens(),
            markers=self._markers(),
        )

    @cached_property
    def eos_ids(self) -> frozenset[int]:
        """Token ids that end an answer."""
        found: set[int] = set()
        for given in (
            self.generation_config.get("eos_token_id"),
            self._config.get("eos_token_id"),
            self.tokenizer.token_to_id(self._named_tokens().get("eos_token", "")),
        ):
            found.update(given if isinstance(given, list) else [] if given is None else [given])
        return frozenset(found)

    @cached_property
    def context_length(self) -> int:
        """How many tokens prompt and answer may have together."""
        text_config = self._config.get("text_config", {})
        length = self._config.get("max_position_embeddings") or text_config.get(
            "max_position_embeddings"
        )
        return int(length or UNNAMED_CONTEXT_LENGTH)

    def _chat_template(self) -> str:
        file = self.folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        given = self._tokenizer_config.get("chat_template")
        if isinstance(given, list):  # several, by name
            given = {each["name"]: each["template"] for each in given}.get("default")
        if not isinstance(given, str):
            raise ConfigError(
                f"The model in {self.folder} has no chat template; use one that is made for chat.",
                code="template_missing",
            )
        return given

    def _named_tokens(self) -> dict[str, str]:
        named = {}
        for name in NAMED_TOKENS:
            token = self._tokenizer_config.get(name)
            if isinstance(token, dict):
                token = token.get("content")
            if isinstance(token, str):
                named[name] = token
        return named

    def _markers(self) -> tuple[str, ...]:
        added = self.tokenizer.get_added_tokens_decoder().values()
        # Turns of some models begin with tokens that are not called special.
        return tuple(
            token.content
            for token in added
            if token.content.strip()
            and (token.special or (token.content[0] == "<" and token.content[-1] == ">"))
        )


def _read(path: Path) -> Json:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} cannot be read: it holds no object.")
    return content
