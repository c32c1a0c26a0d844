"""The chat's asynchronous routes in the OpenAPI document, which finds only DRF's views itself."""

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension

# Any: the OpenAPI document is JSON.
Json = dict[str, Any]

TEXT: Final[Json] = {"type": "string"}
NUMBER: Final[Json] = {"type": "number"}
COUNT: Final[Json] = {"type": "integer", "minimum": 1}
STOP: Final[Json] = {"oneOf": [TEXT, {"type": "array", "items": TEXT, "maxItems": 4}]}


def obj(properties: Json, *required: str) -> Json:
    shape: Json = {"type": "object", "properties": properties}
    return shape | ({"required": list(required)} if required else {})


LOREDESK: Final = obj(
    {
        "message_id": {"type": "string", "format": "uuid"},
        "conversation_id": {"type": "string", "format": "uuid"},
        "adapter": {"type": "string", "nullable": True},
        "sources": {"type": "array", "items": {"type": "object"}},
    }
)
MODEL: Final = obj({"id": TEXT, "object": TEXT, "created": {"type": "integer"}, "owned_by": TEXT})
MESSAGE: Final = obj(
    {
        "role": {"type": "string", "enum": ["system", "developer", "user", "assistant"]},
        "content": {"oneOf": [TEXT, {"type": "array", "items": {"type": "object"}}]},
    },
    "role",
    "content",
)
COMPONENTS: Final[Json] = {
    "OpenAiError": obj(
        {
            "error": obj(
                {
                    "message": TEXT,
                    "type": TEXT,
                    "param": {"type": "string", "nullable": True},
                    "code": {"type": "string", "nullable": True},
                }
            )
        },
        "error",
    ),
    "OpenAiModel": MODEL,
    "OpenAiModels": obj({"object": TEXT, "data": {"type": "array", "items": MODEL}}),
    "ChatCompletionRequest": obj(
        {
            "model": {"type": "string", "description": "An assistant's slug."},
            "messages": {"type": "array", "items": MESSAGE, "minItems": 1},
            "stream": {"type": "boolean", "default": False},
            "stream_options": obj({"include_usage": {"type": "boolean"}}),
            "temperature": NUMBER | {"minimum": 0, "maximum": 2},
            "top_p": NUMBER | {"minimum": 0, "maximum": 1},
            "max_tokens": COUNT,
            "max_completion_tokens": COUNT,
            "stop": STOP,
            "seed": {"type": "integer"},
            "user": TEXT,
            "metadata": obj({"conversation_id": {"type": "string", "format": "uuid"}}),
        },
        "model",
        "messages",
    ),
    "ChatCompletion": obj(
        {
            "id": TEXT,
            "object": TEXT,
            "created": {"type": "integer"},
            "model": TEXT,
            "choices": {"type": "array", "items": {"type": "object"}},
            "usage": {"type": "object", "nullable": True},
            "loredesk": LOREDESK,
        }
    ),
    "GenerateRequest": obj(
        {"prompt": TEXT, "assistant": TEXT, "temperature": NUMBER, "max_tokens": COUNT}, "prompt"
    ),
    "CompareRequest": obj(
        {
            "adapter": {"type": "string", "format": "uuid", "description": "The candidate."},
            "model": {"type": "string", "enum": ["base", "production", "candidate"]},
            "question": TEXT,
        },
        "adapter",
        "model",
        "question",
    ),
    "ComparePiece": obj({"text": TEXT, "error": {"type": "object"}}),
    "Generated": obj({"response": TEXT, "loredesk": LOREDESK}, "response"),
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its own way
    """``Authorization: Bearer ldk_…``; registered by being imported."""

    target_class = "backend.api.authentication.ApiKeyAuthentication"
    name = "ApiKeyAuth"

    def get_security_definition(self, auto_schema: object) -> Json:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ldk_…"}


def add_routes(result: Json, **_: object) -> Json:
    """A postprocessing hook of drf-spectacular."""
    result["components"].setdefault("schemas", {}).update(COMPONENTS)
    slug: Json = {"name": "slug", "in": "path", "required": True, "schema": TEXT}
    prompt: Json = {"name": "prompt", "in": "query", "required": True, "schema": TEXT}
    streamed: Json = {"text/event-stream": {"schema": TEXT}}
    result["paths"] |= {
        "/v1/models": {"get": operation("openai_models_list", "OpenAiModels")},
        "/v1/models/{slug}": {
            "get": operation("openai_models_get", "OpenAiModel", parameters=[slug])
        },
        "/v1/chat/completions": {
            "post": operation(
                "openai_chat_completions_create",
                "ChatCompletion",
                body="ChatCompletionRequest",
                more=streamed,
            )
        },
        "/api/v1/compare": {
            "post": operation(
                "compare_create", "ComparePiece", body="CompareRequest", more=streamed
            )
        },
        "/generate": {
            "get": operation("generate_get", "Generated", parameters=[prompt]),
            "post": operation("generate_create", "Generated", body="GenerateRequest"),
        },
    }
    return result


def operation(
    name: str,
    answer: str,
    *,
    body: str = "",
    parameters: list[Json] | None = None,
    more: Json | None = None,
) -> Json:
    content = {"application/json": {"schema": reference(answer)}, **(more or {})}
    failed = {"application/json": {"schema": reference("OpenAiError")}}
    described: Json = {
        "operationId": name,
        "tags": ["chat"],
        "security": [{"ApiKeyAuth": []}, {"cookieAuth": []}],
        "responses": {
            "200": {"description": "", "content": content},
            "default": {"description": "", "content": failed},
        },
    }
    if name.startswith("generate"):
        del described["responses"]["default"]
    if parameters:
        described["parameters"] = parameters
    if body:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": reference(body)}},
        }
    return described


def reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
