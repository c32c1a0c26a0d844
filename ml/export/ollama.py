"""Ollama's ``Modelfile`` for the merged model and for the adapter on a GGUF of the base.

Source: https://docs.ollama.com/modelfile.md and https://docs.ollama.com/template.md.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ml.errors import ConfigError
from ml.export.turns import Turns, turns_of
from ml.messages import Person, system_message
from ml.tokens import Tokens

QUOTES: Final = '"""'
NO_TEMPLATE: Final = """\
# The chat template of this model is of no kind that is written here in Ollama's language. Ollama
# looks for one in the weights: see what it found with `ollama show --template NAME`.
# 本模型的对话模板不属于此处能用 Ollama 语法写出的类型；Ollama 会自行从权重中查找，
# 可用 `ollama show --template 名称` 查看。"""


def modelfile(
    tokens: Tokens,
    *,
    weights: Sequence[str],
    system_prompt: str,
    temperature: float | None,
    thinking: bool | None = None,
) -> str:
    """The file's text.

    Args:
        tokens: of the base model.
        weights: the lines that say what is loaded: FROM, ADAPTER and what is to be known of them.
        system_prompt: the assistant's; lines that name the person who asks are left out.
        temperature: to answer with; None leaves Ollama's own.
        thinking: what the chat template was told in training.

    Raises:
        ConfigError: the system prompt holds what a Modelfile cannot.
    """
    turns = turns_of(replace(tokens.prompt_format, thinking=thinking))
    system = system_message(system_prompt, Person())
    return "\n".join(
        [
            *weights,
            "",
            _template(turns, tokens) if turns else NO_TEMPLATE,
            "",
            *([f"SYSTEM {_quoted(system)}", ""] if system else []),
            *(f"PARAMETER stop {json.dumps(stop, ensure_ascii=False)}" for stop in _stops(tokens)),
            *([] if temperature is None else [f"PARAMETER temperature {temperature:g}"]),
            "",
        ]
    )


def _template(turns: Turns, tokens: Tokens) -> str:
    """The turns in the language of Go templates.

    Every fixed text is an action of its own, so that the template may have lines without their
    ends becoming part of the prompt.
    """
    bos = tokens.prompt_format.special_tokens.get("bos_token", "")
    # Ollama puts the first token there by itself where the tokenizer is made so.
    opening = turns.opening.removeprefix(bos) if bos else turns.opening
    lines = [
        f"{{{{- {_text(opening)} -}}}}" if opening else "",
        f"{{{{- if .System -}}}}{_turn(turns.system, '.System')}",
        f"{{{{- else -}}}}{_turn(turns.system, _text(turns.default_system))}"
        if turns.default_system
        else "",
        "{{- end -}}",
        "{{- range $i, $_ := .Messages -}}",
        "{{- $last := eq (len (slice $.Messages $i)) 1 -}}",
        f'{{{{- if eq .Role "user" -}}}}{_turn(turns.user, ".Content")}',
        '{{- else if eq .Role "assistant" -}}',
        f"{{{{- {_text(turns.assistant[0])} -}}}}{{{{ .Content }}}}",
        f"{{{{- if not $last -}}}}{{{{- {_text(turns.assistant[1])} -}}}}{{{{- end -}}}}",
        "{{- end -}}",
        f'{{{{- if and $last (ne .Role "assistant") -}}}}{{{{- {_text(turns.answer)} -}}}}',
        "{{- end -}}",
        "{{- end -}}",
    ]
    body = "\n".join(line for line in lines if line)
    return f"# {turns.kind}\nTEMPLATE {QUOTES}{body}{QUOTES}"


def _turn(around: tuple[str, str], words: str) -> str:
    before, after = (f"{{{{- {_text(text)} -}}}}" if text else "" for text in around)
    return f"{before}{{{{ {words} }}}}{after}"


def _text(text: str) -> str:
    """``text`` as a Go string; JSON's escapes are among Go's."""
    return json.dumps(text, ensure_ascii=False)


def _quoted(text: str) -> str:
    if QUOTES in text:
        raise ConfigError(
            "The system prompt holds three quotation marks in a row, which a Modelfile cannot say. "
            "Change it, or export without ollama.",
            code="prompt_unquotable",
        )
    return f"{QUOTES}{text}{QUOTES}"


def _stops(tokens: Tokens) -> list[str]:
    found = (tokens.tokenizer.id_to_token(token) for token in sorted(tokens.eos_ids))
    return [token for token in found if token]
