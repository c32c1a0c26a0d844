"""``python -m ml``: train, evaluate, merge, export, serve, chat, convert; parses, calls, prints.

Each command imports what it needs when it runs, so that ``--help`` and a wrong option are told
without loading torch.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ml.errors import MlError

DEFAULT_MODEL: Final = "packaged:smollm2-135m-instruct"
DEFAULT_MODELS_DIR: Final = Path("data/local/models")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status: 0 done, 1 refused or failed, 2 wrongly called."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except MlError as error:
        print(error.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml", description="Tune and serve a model.")
    commands = parser.add_subparsers(required=True, metavar="command")

    train = commands.add_parser("train", help="train a LoRA adapter as a run.json says")
    train.add_argument("--config", type=Path, required=True, metavar="run.json")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="compare an adapter as a job.json says")
    evaluate.add_argument("--config", type=Path, required=True, metavar="job.json")
    evaluate.set_defaults(command=_evaluate)

    merge = commands.add_parser("merge", help="make one model of an adapter and its base")
    merge.add_argument("--adapter_model", "--adapter-model", type=Path, required=True)
    merge.add_argument("--output", type=Path, required=True, help="a folder not there or empty")
    merge.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], default="float32", help="to save in"
    )
    _add_model_options(merge, default=None)
    merge.set_defaults(command=_merge)

    export = commands.add_parser("export", help="write an adapter down for other servers")
    export.add_argument("--config", type=Path, metavar="job.json", help="instead of all others")
    export.add_argument("--adapter_model", "--adapter-model", type=Path)
    export.add_argument("--output", type=Path, help="a folder not there or empty")
    export.add_argument("--what", type=_names, default=["merged"], help="merged,gguf,ollama")
    export.add_argument("--name", default="", help="of the tuned model; default: the folder's")
    export.add_argument("--system-prompt", help="default: the one on the adapter's card")
    export.add_argument("--temperature", type=float, help="for Ollama")
    _add_model_options(export, default=None)
    export.set_defaults(command=_export)

    serve = commands.add_parser("serve", help="answer over HTTP in the OpenAI protocol")
    _add_model_options(serve)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8100)
    serve.add_argument("--threads", type=_positive, help="default: one for every two cores")
    serve.add_argument("--max-batch", type=_positive, default=8, help="answers computed together")
    serve.set_defaults(command=_serve)

    chat = commands.add_parser("chat", help="talk to a model in the terminal")
    _add_model_options(chat)
    chat.add_argument("--adapter", type=Path, metavar="DIR", help="answer through this adapter")
    chat.add_argument("--system-prompt", help="default: the one on the adapter's card")
    chat.add_argument("--server", metavar="URL", help="a model server to ask instead")
    chat.add_argument("--model", help="the name to ask the server for; default: its first")
    chat.add_argument("--max-tokens", type=_positive, default=512)
    chat.set_defaults(command=_chat)

    convert = commands.add_parser("convert", help="make a base model ready for use")
    _add_model_options(convert)
    convert.set_defaults(command=_convert)
    return parser


def _add_model_options(
    parser: argparse.ArgumentParser, default: str | None = DEFAULT_MODEL
) -> None:
    shown = default or "the one on the adapter's card"
    parser.add_argument(
        "--base-model",
        default=default,
        help=f"packaged:<name>, a hub id or a folder; default: {shown}",
    )
    parser.add_argument("--models-dir", type=Path, default=DEFAULT_MODELS_DIR)
    parser.add_argument("--model-hub", choices=["huggingface", "modelscope"], default="huggingface")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


# How long a thread of torch spins before it leaves the processor to others. A training has one
# or two thousand short products a step: alone it is nearly twice as fast as with the shorter wait,
# beside a chat that never pauses half as fast; the chat is as fast with either (benchmarks.md).
SPINS_SERVING: Final = 1_000
SPINS_TRAINING: Final = 10_000


def _share_processors(spins: int = SPINS_SERVING) -> None:
    """Sets how soon waiting threads leave the processor to others; torch reads it when loaded."""
    os.putenv("GOMP_SPINCOUNT", str(spins))


def _train(options: argparse.Namespace) -> int:
    _share_processors(SPINS_TRAINING)
    from ml.training import command

    return command.main(options.config)


def _evaluate(options: argparse.Namespace) -> int:
    _share_processors()
    from ml.evaluation import command

    return command.main(options.config)


def _merge(options: argparse.Namespace) -> int:
    from ml.merge import merge

    return merge(
        adapter=options.adapter_model,
        output=options.output,
        base_model=options.base_model,
        models_dir=options.models_dir,
        model_hub=options.model_hub,
        dtype=options.dtype,
    )


def _export(options: argparse.Namespace) -> int:
    _share_processors()
    if options.config:
        from ml.export.process import main as as_job

        return as_job(options.config)
    if not options.adapter_model or not options.output:
        print("Give --adapter_model and --output, or --config.", file=sys.stderr)
        return 2
    from ml.export.command import run

    return run(options)


def _serve(options: argparse.Namespace) -> int:
    _share_processors()
    from ml.server.serving import serve

    return serve(
        base_model=options.base_model,
        models_dir=options.models_dir,
        host=options.host,
        port=options.port,
        model_hub=options.model_hub,
        threads=options.threads,
        max_batch=options.max_batch,
    )


def _chat(options: argparse.Namespace) -> int:
    from ml import chat

    return chat.run(options)


def _convert(options: argparse.Namespace) -> int:
    from ml.base_models import folder_of

    folder = folder_of(
        options.base_model,
        models_dir=options.models_dir,
        model_hub=options.model_hub,
        report=lambda line: print(line, flush=True),
    )
    print(f"{options.base_model} is ready in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
