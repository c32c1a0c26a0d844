"""The README of an export, in both languages: what it is, how it is started, how it was proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Language = Literal["en", "zh"]

FILES: Final[Mapping[Language, str]] = {"en": "README.md", "zh": "README.zh.md"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the text is made of; ``parity`` as ``parity.json`` holds it, None without."""

    name: str
    base: str
    what: tuple[str, ...]
    card: dict[str, Any]
    parity: dict[str, Any] | None


def text(told: Told, language: Language) -> str:
    """The file's text."""
    words = WORDS[language]
    facts = {"name": told.name, "base": told.base}
    parts = [words["title"].format(**facts), _provenance(told, words)]
    if "merged" in told.what:
        parts.append(words["merged"].format(precision=(told.parity or {})["weights"], **facts))
        parts.append(words["transformers"])
    if "ollama" in told.what:
        parts += [words["ollama"].format(**facts)] if "merged" in told.what else []
        parts += [words["ollama_adapter"].format(**facts)] if "gguf" in told.what else []
    if "gguf" in told.what:
        parts.append(words["gguf"].format(**facts))
    if told.parity:
        parts.append(_parity(told.parity, words))
    return "\n\n".join(parts) + "\n"


def _provenance(told: Told, words: Mapping[str, str]) -> str:
    card = told.card
    rows = [
        (words["run"], card.get("run_number")),
        (words["version"], card.get("dataset_version")),
        (words["data"], card.get("dataset_sha256")),
        (words["fingerprint"], card.get("base_fingerprint")),
        (words["made"], card.get("created_at")),
    ]
    known = "\n".join(
        words["fact"].format(label=label, value=value) for label, value in rows if value
    )
    return f"{words['intro'].format(base=told.base)}\n\n{known}".strip()


def _parity(parity: Mapping[str, Any], words: Mapping[str, str]) -> str:
    lines = [words["parity"].format(**parity)]
    for exact, rounded in zip(parity["float32"], parity["rounded"], strict=True):
        lines.append(f"**{exact['question']}**\n")
        lines.append(words["fact"].format(label=words["adapter"], value=exact["adapter"]))
        if rounded["equal"]:
            lines.append(f"- {words['same']}")
        else:
            lines.append(words["fact"].format(label=words["rounded"], value=rounded["merged"]))
            place = rounded["first_difference"] + 1
            tokens = f"`{rounded['adapter_token']}` / `{rounded['merged_token']}`"
            label = words["difference"].format(place=place)
            lines.append(words["fact"].format(label=label, value=tokens))
        lines.append("")
    return "\n".join(lines).rstrip()


WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "title": "# {name}\n\n[中文](README.zh.md)",
        "intro": "The base model `{base}`, tuned with LoRA. `card.json` says how it was trained.",
        "fact": "- {label}: {value}",
        "run": "Training run",
        "version": "Dataset version",
        "data": "sha256 of the training data",
        "fingerprint": "sha256 of the base weights",
        "made": "Trained",
        "merged": """\
## The merged model

`merged/` holds the whole model in {precision}, with the base's own tokenizer, chat template and
generation config. With vLLM:

```sh
vllm serve ./merged --served-model-name {name}
```""",
        "transformers": """\
With transformers:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("./merged")
model = AutoModelForCausalLM.from_pretrained("./merged", dtype="auto", device_map="auto")
prompt = tokenizer.apply_chat_template(
    [{"role": "user", "content": "Who are you?"}],
    add_generation_prompt=True, return_tensors="pt", return_dict=True,
).to(model.device)
answer = model.generate(**prompt, max_new_tokens=256)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1]:], skip_special_tokens=True))
```""",
        "ollama": """\
With Ollama:

```sh
ollama create {name} -f Modelfile
ollama run {name}
```""",
        "ollama_adapter": """\
With Ollama, the adapter on a GGUF of its base (put it beside as `base.gguf`):

```sh
ollama create {name} -f Modelfile.adapter
ollama run {name}
```""",
        "gguf": """\
## The adapter for llama.cpp

`adapter.gguf` is the adapter alone, in float32. It goes onto a GGUF of the same base model
(`{base}`), quantised or not:

```sh
llama-server -m base.gguf --lora adapter.gguf --jinja
```

Another base would answer nonsense: llama.cpp compares shapes, not weights.""",
        "parity": """\
## Proof

{questions} questions were asked of the adapter on its base and of the merged model, always taking
the likeliest token. Computed in float32, {equal_float32} of {questions} answers are equal token by
token; with the weights rounded to {weights} as they stand in `merged/`, computed in {computed_in},
{equal_rounded} are. A later difference comes from rounding: the files were compared with the
merged weights bit by bit.
""",
        "adapter": "Adapter",
        "same": "Merged: the same, in both precisions",
        "rounded": "Merged and rounded",
        "difference": "First differing token, number {place}",
    },
    "zh": {
        "title": "# {name}\n\n[English](README.md)",
        "intro": "基座模型 `{base}` 经 LoRA 微调而成。训练过程见 `card.json`。",
        "fact": "- {label}：{value}",
        "run": "训练任务",
        "version": "数据集版本",
        "data": "训练数据的 sha256",
        "fingerprint": "基座权重的 sha256",
        "made": "训练时间",
        "merged": """\
## 合并后的模型

`merged/` 是完整的模型，权重为 {precision}，分词器、对话模板和生成配置与基座完全一致。用 vLLM 启动：

```sh
vllm serve ./merged --served-model-name {name}
```""",
        "transformers": """\
用 transformers 加载：

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("./merged")
model = AutoModelForCausalLM.from_pretrained("./merged", dtype="auto", device_map="auto")
prompt = tokenizer.apply_chat_template(
    [{"role": "user", "content": "你是谁?"}],
    add_generation_prompt=True, return_tensors="pt", return_dict=True,
).to(model.device)
answer = model.generate(**prompt, max_new_tokens=256)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1]:], skip_special_tokens=True))
```""",
        "ollama": """\
用 Ollama 启动：

```sh
ollama create {name} -f Modelfile
ollama run {name}
```""",
        "ollama_adapter": """\
用 Ollama 在基座的 GGUF 上加载适配器（先把基座放在旁边，命名为 `base.gguf`）：

```sh
ollama create {name} -f Modelfile.adapter
ollama run {name}
```""",
        "gguf": """\
## 供 llama.cpp 使用的适配器

`adapter.gguf` 只含适配器本身，精度为 float32。它要加载在同一个基座模型（`{base}`）的 GGUF 上，
量化与否均可：

```sh
llama-server -m base.gguf --lora adapter.gguf --jinja
```

换一个基座会答非所问：llama.cpp 只核对形状，不核对权重。""",
        "parity": """\
## 一致性证明

我们用 {questions} 个问题分别询问“基座加适配器”和合并后的模型，每一步都取概率最高的词元。
以 float32 计算，{questions} 个回答中有 {equal_float32} 个逐词元相同；使用 `merged/` 中舍入为
{weights} 的权重、以 {computed_in} 计算，有 {equal_rounded} 个相同。后者的差异来自舍入：
写出的文件已与合并后的权重逐位核对。
""",
        "adapter": "适配器",
        "same": "合并后：两种精度下都相同",
        "rounded": "合并并舍入后",
        "difference": "第一个不同的词元（第 {place} 个）",
    },
}
