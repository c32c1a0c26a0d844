"""Web, replier and worker never import torch: proven in processes of their own."""

import subprocess
import sys

import pytest

ENTRY_POINTS = {
    "web": "import backend.config.asgi",
    "replier": (
        "import django; django.setup(); "
        "from django.core.management import load_command_class; "
        "load_command_class('backend.chat', 'replier')"
    ),
    "worker": (
        "from backend.config.celery import app; app.loader.import_default_modules(); "
        "assert any(name.startswith('backend.chat.') for name in app.tasks), app.tasks; "
        "assert any(name.startswith('backend.training.') for name in app.tasks), app.tasks"
    ),
}
HEAVY = ("torch", "transformers", "peft", "accelerate")


@pytest.mark.parametrize("process", ENTRY_POINTS)
def test_the_process_loads_no_model_library(process: str) -> None:
    code = (
        "import os, sys; "
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'backend.config.settings'; "
        f"{ENTRY_POINTS[process]}; "
        f"print(','.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1:] in ([], [""]), f"{process} loads {done.stdout}"


def test_the_check_sees_torch_where_it_is() -> None:
    """The check above can fail: a process that imports torch is seen."""
    code = f"import sys, torch; print(','.join(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert "torch" in done.stdout
