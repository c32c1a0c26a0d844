"""The routes of the model server."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST

from ml.engines.generation import Sampling
from ml.engines.rolling import Engine
from ml.server import failures
from ml.server.answers import Answer, completion, events
from ml.server.metrics import Metrics
from ml.server.wire import (
    ChatRequest,
    GenerateRequest,
    Json,
    LoadAdapterRequest,
    Message,
    PromptOptions,
    TokenizeRequest,
    UnloadAdapterRequest,
)

# The simplest possible call gets the same short answer each time.
GENERATE_TOKENS: Final = 256


def create_app(engine: Engine) -> FastAPI:
    """The application in front of ``engine``."""
    app = FastAPI(title="Loredesk model server", openapi_url=None)
    failures.install(app)
    metrics = Metrics(engine)
    tokens = engine.tokens
    created = int(time.time())
    own = tokens.generation_config if tokens.generation_config.get("do_sample") else {}

    def prompt_ids(model: str, messages: Sequence[Message], options: PromptOptions) -> list[int]:
        asked = options.chat_template_kwargs
        thinking = asked.enable_thinking if asked else None
        return tokens.prompt_ids(
            [{"role": message.role, "content": message.content} for message in messages],
            add_generation_prompt=options.opens_turn,
            continue_final_message=options.continue_final_message,
            thinking=engine.thinking_of(model) if thinking is None else thinking,
        )

    async def ask(
        ids: list[int],
        *,
        model: str,
        max_tokens: int | None,
        sampling: Sampling,
        stop: Sequence[str],
    ) -> Answer:
        answer = Answer(metrics)
        answer.generation = engine.submit(
            model=model,
            prompt_ids=ids,
            max_tokens=max_tokens,
            sampling=sampling,
            stop=stop,
            on_piece=answer.take,
        )
        return answer

    @app.get("/health")
    async def health() -> Response:
        if not engine.is_alive:
            body = failures.error_body("The engine has ended.", status=503, code="model_failed")
            return JSONResponse(body, status_code=503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def metrics_text() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models")
    async def models() -> Json:
        data = [
            {
                "id": name,
                "object": "model",
                "created": created,
                "owned_by": "loredesk",
                "root": engine.name,
                "parent": None if name == engine.name else engine.name,
                "max_model_len": tokens.context_length,
            }
            for name in engine.model_names()
        ]
        return {"object": "list", "data": data}

    @app.post("/v1/chat/completions")
    async def chat_completions(body: ChatRequest, request: Request) -> Response:
        engine.check_name(body.model)
        ids = await asyncio.to_thread(prompt_ids, body.model, body.messages, body)
        answer = await ask(
            ids,
            model=body.model,
            max_tokens=body.token_limit,
            sampling=body.sampling(
                temperature=own.get("temperature", 1.0), top_p=own.get("top_p", 1.0)
            ),
            stop=body.stop_texts,
        )
        if body.stream:
            return StreamingResponse(
                events(answer, model=body.model, with_usage=body.wants_usage),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            )
        text, reason = await answer.whole(request)
        return JSONResponse(completion(answer, model=body.model, text=text, finish_reason=reason))

    async def generated(body: GenerateRequest, request: Request) -> Json:
        model = body.model or engine.name
        engine.check_name(model)
        message = Message(role="user", content=body.prompt)
        ids = await asyncio.to_thread(prompt_ids, model, [message], PromptOptions())
        answer = await ask(
            ids,
            model=model,
            max_tokens=body.max_tokens or GENERATE_TOKENS,
            sampling=body.sampling(temperature=0.0, top_p=1.0),
            stop=body.stop_texts,
        )
        text, _ = await answer.whole(request)
        return {"response": text}

    @app.get("/generate")
    async def generate_get(body: Annotated[GenerateRequest, Query()], request: Request) -> Json:
        return await generated(body, request)

    @app.post("/generate")
    async def generate_post(body: GenerateRequest, request: Request) -> Json:
        return await generated(body, request)

    @app.post("/tokenize")
    async def tokenize(body: TokenizeRequest) -> Json:
        if body.model is not None:
            engine.check_name(body.model)
        if body.messages is not None:
            ids = await asyncio.to_thread(
                prompt_ids, body.model or engine.name, body.messages, body
            )
        else:
            ids = await asyncio.to_thread(tokens.ids, body.prompt or "")
        return {"count": len(ids), "max_model_len": tokens.context_length, "tokens": ids}

    @app.post("/v1/load_lora_adapter")
    async def load_lora_adapter(body: LoadAdapterRequest) -> Json:
        await asyncio.to_thread(engine.load_adapter, body.lora_name, Path(body.lora_path))
        return {"message": f"Adapter {body.lora_name} is loaded."}

    @app.post("/v1/unload_lora_adapter")
    async def unload_lora_adapter(body: UnloadAdapterRequest) -> Json:
        await asyncio.to_thread(engine.unload_adapter, body.lora_name)
        return {"message": f"Adapter {body.lora_name} is unloaded."}

    return app
