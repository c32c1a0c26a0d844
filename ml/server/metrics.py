"""What a monitoring system may know of the model server; no prompts, no names of people."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ml.engines.generation import Generation, Piece
from ml.engines.rolling import Engine


class Metrics:
    """The counters of one engine, in Prometheus' text form."""

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        self._answers = Counter(
            "loredesk_model_answers",
            "Answers that have ended, by how.",
            ["outcome"],
            registry=self._registry,
        )
        self._prompt_tokens = Counter(
            "loredesk_model_prompt_tokens", "Tokens read.", registry=self._registry
        )
        self._tokens = Counter(
            "loredesk_model_generated_tokens", "Tokens made.", registry=self._registry
        )
        self._first_token = Histogram(
            "loredesk_model_first_token_seconds",
            "From a request to its first token.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
            registry=self._registry,
        )
        running = Gauge("loredesk_model_running", "Answers in work.", registry=self._registry)
        running.set_function(lambda: engine.load()[0])
        waiting = Gauge("loredesk_model_waiting", "Answers waiting.", registry=self._registry)
        waiting.set_function(lambda: engine.load()[1])

    def note(self, generation: Generation, last: Piece) -> None:
        self._answers.labels(last.finish_reason or "failed").inc()
        self._prompt_tokens.inc(len(generation.prompt_ids))
        self._tokens.inc(generation.completion_tokens)
        if generation.first_token_s is not None:
            self._first_token.observe(generation.first_token_s)

    def text(self) -> bytes:
        return generate_latest(self._registry)
