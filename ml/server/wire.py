"""What may be sent to the model server, field by field."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ml.engines.generation import Sampling
from ml.messages import ROLES

MAX_STOP_TEXTS: Final = 16
# OpenAI's parameters that change an answer and that this server does not have, with the values
# that change nothing.
NEUTRAL: Final[dict[str, tuple[object, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "response_format": ({"type": "text"},),
    "echo": (False,),
}


def _as_text(content: object) -> object:
    """Text given as OpenAI's list of parts."""
    if not isinstance(content, list):
        return content
    texts: list[str] = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text":
            raise ValueError("only parts of type “text” can be read")
        text = part.get("text")
        if not isinstance(text, str):
            raise ValueError("a part has no text")
        texts.append(text)
    return "".join(texts)


def _as_role(role: object) -> object:
    # OpenAI's newer word for it.
    return "system" if role == "developer" else role


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half of a character (a lone surrogate)") from error
    return text


Text = Annotated[str, Field(max_length=2_000_000)]


class Message(BaseModel):
    role: Annotated[Literal["system", "user", "assistant"], BeforeValidator(_as_role)]
    content: Annotated[Text, BeforeValidator(_as_text)]

    @model_validator(mode="after")
    def _is_encodable(self) -> Self:
        _encodable(self.content)
        return self


assert set(ROLES) == {"system", "user", "assistant"}  # noqa: S101  # the Literal above says the same


class TemplateOptions(BaseModel):
    """What the chat template is told; without it, what the adapter was trained with."""

    model_config = ConfigDict(extra="forbid")

    enable_thinking: bool | None = None


class PromptOptions(BaseModel):
    """How messages become a prompt, in vLLM's words."""

    chat_template_kwargs: TemplateOptions | None = None

    add_generation_prompt: bool | None = None
    continue_final_message: bool = False

    @property
    def opens_turn(self) -> bool:
        if self.add_generation_prompt is None:
            return not self.continue_final_message
        return self.add_generation_prompt


class StreamOptions(BaseModel):
    include_usage: bool = False


class SamplingOptions(BaseModel):
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=MAX_STOP_TEXTS)] | None = None

    @property
    def stop_texts(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def sampling(self, *, temperature: float, top_p: float) -> Sampling:
        """How to sample; the arguments stand where the request says nothing."""
        return Sampling(
            temperature=temperature if self.temperature is None else self.temperature,
            top_p=top_p if self.top_p is None else self.top_p,
            seed=self.seed,
        )


class ChatRequest(PromptOptions, SamplingOptions):
    """``POST /v1/chat/completions``; OpenAI's labels such as ``user`` are let through."""

    model_config = ConfigDict(extra="allow")

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None

    @model_validator(mode="after")
    def _is_understood(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if name in NEUTRAL and value is not None and value not in NEUTRAL[name]:
                raise ValueError(f"“{name}” is not supported by this server")
        return self

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class TokenizeRequest(PromptOptions):
    """``POST /tokenize``: messages as a prompt, or a text as it stands."""

    model: str | None = None
    messages: Annotated[list[Message], Field(min_length=1)] | None = None
    prompt: Text | None = None

    @model_validator(mode="after")
    def _has_one_of_both(self) -> Self:
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("give either “messages” or “prompt”")
        if self.prompt is not None:
            _encodable(self.prompt)
        return self


class GenerateRequest(SamplingOptions):
    """``/generate``: one question, one answer."""

    prompt: Annotated[Text, Field(min_length=1)]
    model: str | None = None

    @model_validator(mode="after")
    def _is_encodable(self) -> Self:
        _encodable(self.prompt)
        return self


class LoadAdapterRequest(BaseModel):
    lora_name: Annotated[str, Field(min_length=1, max_length=200)]
    lora_path: Annotated[str, Field(min_length=1)]


class UnloadAdapterRequest(BaseModel):
    lora_name: str


# Whatever JSON an answer is.
Json = dict[str, Any]
