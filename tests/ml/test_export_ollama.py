"""Ollama's file says in its own language what the chat template says in Jinja."""

import json
import shutil
from pathlib import Path

import pytest

from ml.export.ollama import modelfile
from ml.export.turns import turns_of
from ml.messages import PromptFormat, render
from ml.tokens import Tokens
from tests.ml.tiny import CHATML

QWEN = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content']"
    " + '<|im_end|>\\n' }}{%- else %}{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}"
    "{%- endif %}{%- for message in messages %}{%- if message.role == 'user' or (message.role =="
    " 'system' and not loop.first) %}{{- '<|im_start|>' + message.role + '\\n' + message.content +"
    " '<|im_end|>' + '\\n' }}{%- elif message.role == 'assistant' %}{%- set content ="
    " message.content.split('</think>')[-1].lstrip('\\n') %}{{- '<|im_start|>assistant\\n' +"
    " content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
LLAMA_3 = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] +"
    " '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0"
    " %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{% endif %}"
)
DEEPSEEK_R1 = (
    "{{ bos_token }}{%- for message in messages %}{%- if message['role'] == 'system' %}"
    "{{ message['content'] }}{%- endif %}{%- if message['role'] == 'user' %}"
    "{{ '<｜User｜>' + message['content'] }}{%- endif %}{%- if message['role'] == 'assistant' %}"
    "{{ '<｜Assistant｜>' + message['content'].split('</think>')[-1] + '<｜end▁of▁sentence｜>' }}"
    "{%- endif %}{%- endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\\n' +"
    " message['content'] + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
BOS = {
    LLAMA_3: "<|begin_of_text|>",
    DEEPSEEK_R1: "<｜begin▁of▁sentence｜>",
}
TALK = [
    {"role": "user", "content": "Hello,\n你好"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Who?"},
]


def format_of(template: str) -> PromptFormat:
    return PromptFormat(
        chat_template=template, special_tokens={"bos_token": BOS.get(template, "<bos>")}
    )


@pytest.mark.parametrize(
    ("template", "kind", "default"),
    [
        (CHATML, "ChatML", ""),
        (QWEN, "ChatML", "You are Qwen."),
        (LLAMA_3, "Llama 3", ""),
        (DEEPSEEK_R1, "DeepSeek", ""),
    ],
)
def test_a_known_shape_writes_what_the_template_writes(
    template: str, kind: str, default: str
) -> None:
    turns = turns_of(format_of(template))
    assert turns is not None
    assert (turns.kind, turns.default_system) == (kind, default)
    for talk in (TALK, [{"role": "system", "content": "Be brief."}, *TALK]):
        expected = render(talk, format_of(template), add_generation_prompt=True)
        assert turns.text(talk) == expected


def test_a_template_of_another_shape_is_left_to_the_model() -> None:
    assert turns_of(format_of(GEMMA)) is None
    upper = CHATML.replace("message['content']", "message['content'] | upper")
    assert turns_of(format_of(upper)) is None


def model_with(template: str, base: Path, folder: Path) -> Tokens:
    shutil.copytree(base, folder)
    (folder / "chat_template.jinja").write_text(template)
    names = json.loads((folder / "tokenizer_config.json").read_text())
    names["bos_token"] = BOS.get(template, names["bos_token"])
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return Tokens(folder)


def test_the_file_names_weights_template_prompt_stop_and_temperature(
    tiny_model: Path, tmp_path: Path
) -> None:
    tokens = model_with(QWEN, tiny_model, tmp_path / "qwen")
    text = modelfile(
        tokens,
        weights=["FROM ./merged"],
        system_prompt='You are "abc".\n{{ name }} of {{ department }} asks.',
        temperature=0.3,
    )
    assert text.startswith("FROM ./merged\n")
    assert 'SYSTEM """You are "abc"."""' in text, "lines about a person are left out"
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert "PARAMETER temperature 0.3" in text
    expected = """TEMPLATE \"\"\"{{- if .System -}}{{- "<|im_start|>system\\n" -}}{{ .System }}\
{{- "<|im_end|>\\n" -}}
{{- else -}}{{- "<|im_start|>system\\n" -}}{{ "You are Qwen." }}{{- "<|im_end|>\\n" -}}
{{- end -}}
{{- range $i, $_ := .Messages -}}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" -}}{{- "<|im_start|>user\\n" -}}{{ .Content }}{{- "<|im_end|>\\n" -}}
{{- else if eq .Role "assistant" -}}
{{- "<|im_start|>assistant\\n" -}}{{ .Content }}
{{- if not $last -}}{{- "<|im_end|>\\n" -}}{{- end -}}
{{- end -}}
{{- if and $last (ne .Role "assistant") -}}{{- "<|im_start|>assistant\\n" -}}
{{- end -}}
{{- end -}}\"\"\""""
    assert expected in text


def test_the_first_token_that_ollama_writes_by_itself_is_not_written_twice(
    tiny_model: Path, tmp_path: Path
) -> None:
    tokens = model_with(DEEPSEEK_R1, tiny_model, tmp_path / "deepseek")
    text = modelfile(tokens, weights=[], system_prompt="", temperature=None)
    assert "begin▁of▁sentence" not in text
    assert '{{- "<｜Assistant｜><think>\\n" -}}' in text
    assert "SYSTEM" not in text
    assert "temperature" not in text


def test_an_unknown_template_is_told_in_a_comment(tiny_model: Path, tmp_path: Path) -> None:
    tokens = model_with(GEMMA, tiny_model, tmp_path / "gemma")
    text = modelfile(tokens, weights=["FROM ./merged"], system_prompt="", temperature=None)
    assert "TEMPLATE" not in text
    assert "ollama show --template" in text
