"""``python -m ml export`` with options instead of a ``job.json``: parses, exports, prints."""

import argparse

from ml.export.exporting import export
from ml.export.parts import parts_of
from ml.export.request import Request, checked_temperature


def run(options: argparse.Namespace) -> int:
    """Exports as the options say and prints what was written; the exit status.

    Raises:
        MlError: it cannot be done; nothing was written.
    """
    request = Request(
        adapter=options.adapter_model,
        output=options.output,
        what=parts_of(options.what),
        models_dir=options.models_dir,
        model_hub=options.model_hub,
        base_model=options.base_model,
        name=options.name,
        system_prompt=options.system_prompt,
        temperature=checked_temperature(options.temperature),
    )
    result = export(request, on_phase=_say_phase, should_stop=lambda: False, report=_say)
    for file in result["files"]:
        _say(f"{file['bytes']:>14,}  {file['path']}")
    _say(f"The export is in {request.output}.")
    return 0


def _say_phase(phase: str, step: int, total: int) -> None:
    _say(f"[{step}/{total}] {phase}")


def _say(line: str) -> None:
    print(line, flush=True)
