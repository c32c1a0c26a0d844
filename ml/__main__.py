"""The command line of ``ml/``: train, merge, serve, chat, convert.

Each command imports what it needs when it runs, so that ``--help`` is there at once.
"""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Exit status of the command that was asked for."""
    options = _parser().parse_args()
    match options.command:
        case "train":
            from ml import training

            return training.main(options.config)
        case "merge":
            from ml import merge

            return merge.run(options)
        case "serve":
            return _serve(options)
        case "chat":
            from ml import chat

            return chat.run(options)
        case _:
            return _convert(options)


def _parser() -> argparse.ArgumentParser:
    from ml import chat

    parser = argparse.ArgumentParser(prog="python -m ml", description="Tune and serve a model.")
    commands = parser.add_subparsers(dest="command", required=True)

    train = commands.add_parser("train", help="train a LoRA adapter as a run.json says")
    train.add_argument("--config", type=Path, required=True)

    merge = commands.add_parser("merge", help="make one model of an adapter and its base")
    _add_merge_arguments(merge)

    serve = commands.add_parser("serve", help="answer over the OpenAI protocol")
    _add_model_arguments(serve)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8100)
    serve.add_argument("--threads", type=int, help="default: one for each core")
    serve.add_argument("--max-batch", type=int, default=8, help="answers computed together")

    chat.add_arguments(commands.add_parser("chat", help="talk to a model in the terminal"))

    convert = commands.add_parser("convert", help="make a base model ready for use")
    _add_model_arguments(convert)
    return parser


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base-model", default="packaged:smollm2-135m-instruct")
    parser.add_argument("--models-dir", type=Path, default=Path("data/local/models"))
    parser.add_argument("--model-hub", choices=("huggingface", "modelscope"), default="huggingface")


def _add_merge_arguments(parser: argparse.ArgumentParser) -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "merge":
        from ml import merge  # loads torch

        merge.add_arguments(parser)


def _serve(options: argparse.Namespace) -> int:
    from ml.errors import MlError
    from ml.server import serving

    try:
        return serving.serve(
            base_model=options.base_model,
            models_dir=options.models_dir,
            model_hub=options.model_hub,
            host=options.host,
            port=options.port,
            threads=options.threads,
            max_batch=options.max_batch,
        )
    except MlError as error:
        print(error.message, file=sys.stderr)
        return 1


def _convert(options: argparse.Namespace) -> int:
    from ml import base_models
    from ml.errors import MlError

    try:
        folder = base_models.folder_of(
            options.base_model,
            models_dir=options.models_dir,
            model_hub=options.model_hub,
            report=lambda line: print(line, flush=True),
        )
    except MlError as error:
        print(error.message, file=sys.stderr)
        return 1
    print(f"{options.base_model} is ready in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
