"""One export from the adapter to the folder: what is written, in which order."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml.adapter_files import CARD, AdapterFiles, check_base, read_adapter, read_object
from ml.base_models import HUB_ID, folder_of, served_name
from ml.export import readme
from ml.export.ollama import modelfile
from ml.export.progress import OnPhase, Progress, ShouldStop
from ml.export.request import Request
from ml.tokens import Tokens
from ml.whole_folder import check_empty, whole_folder

if TYPE_CHECKING:
    from ml.export.merged import Proof

MERGED: Final = "merged"
GGUF: Final = "adapter.gguf"

Json = dict[str, Any]


def export(
    request: Request,
    *,
    on_phase: OnPhase,
    should_stop: ShouldStop,
    report: Callable[[str], None],
) -> Json:
    """Write ``request.output``, whole or not at all; what is in it.

    Args:
        request: what to write, and where.
        on_phase: told of every step.
        should_stop: asked at every step.
        report: told what people may want to read, a line each.

    Returns:
        ``folder``, ``files`` (path in the folder, bytes, sha256) and ``parity`` (None without a
        merged model).

    Raises:
        MlError: the adapter does not fit the base or cannot be exported so, the folder holds
            something, or the merged model answers differently in float32.
        Stopped: ``should_stop`` said so.
    """
    from ml.export import adapter_gguf, merged
    from ml.merging import check_mergeable

    check_empty(request.output)
    wants_merged, wants_gguf = "merged" in request.what, "gguf" in request.what
    total = 1 + (merged.STEPS if wants_merged else 0) + (1 if wants_gguf else 0)
    progress = Progress(total, on_phase, should_stop)
    progress.enter("loading")
    adapter = read_adapter(request.adapter)
    base = folder_of(
        request.base_model or adapter.base_model,
        models_dir=request.models_dir,
        model_hub=request.model_hub,
        report=report,
    )
    # Everything that can be known to fail is asked before anything long is done.
    check_base(adapter, base=base)
    if wants_merged:
        check_mergeable(base)
    if wants_gguf:
        adapter_gguf.refuse_unwritable(adapter, read_object(base / "config.json"))
    tokens = Tokens(base)
    texts = _modelfiles(request, adapter, tokens)
    proof = None
    with whole_folder(request.output) as folder:
        if wants_merged:
            proof = merged.write_merged(
                adapter, folder / MERGED, base=base, tokens=tokens, progress=progress
            )
            report(_summary(proof))
        if wants_gguf:
            progress.enter("converting")
            adapter_gguf.write_adapter_gguf(adapter, folder / GGUF, base=base)
            progress.advance()
        progress.enter("saving")
        texts |= _descriptions(request, adapter, proof)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        if adapter.card:
            shutil.copyfile(adapter.folder / CARD, folder / CARD)
        files = _files(folder)
        progress.advance()
    return {
        "folder": str(request.output),
        "files": files,
        "parity": proof.json() if proof else None,
    }


def _modelfiles(request: Request, adapter: AdapterFiles, tokens: Tokens) -> dict[str, str]:
    """File name -> text for Ollama: one for the merged model, one for the adapter on its base."""
    if "ollama" not in request.what:
        return {}
    loads = {}
    if "merged" in request.what:
        loads["Modelfile"] = [f"FROM ./{MERGED}"]
    if "gguf" in request.what:
        base = served_name(request.base_model or adapter.base_model)
        loads["Modelfile.adapter"] = [
            f"# Put a GGUF of {base}, the very base it was trained on, beside this file.",
            f"# 请把训练所用的基座模型 {base} 的 GGUF 文件放在本文件旁边。",
            "FROM ./base.gguf",
            f"ADAPTER ./{GGUF}",
        ]
    prompt = adapter.system_prompt if request.system_prompt is None else request.system_prompt
    return {
        name: modelfile(
            tokens,
            weights=lines,
            system_prompt=prompt,
            temperature=request.temperature,
            thinking=adapter.thinking,
        )
        for name, lines in loads.items()
    }


def _descriptions(request: Request, adapter: AdapterFiles, proof: "Proof | None") -> dict[str, str]:
    """File name -> text for people, and ``parity.json``."""
    parity = proof.json() if proof else None
    told = readme.Told(
        name=request.name or adapter.folder.name,
        base=_named(request.base_model or adapter.base_model),
        what=request.what,
        card=adapter.card,
        parity=parity,
    )
    texts = {file: readme.text(told, language) for language, file in readme.FILES.items()}
    if parity:
        texts["parity.json"] = json.dumps(parity, ensure_ascii=False, indent=2) + "\n"
    return texts


def _named(model: str) -> str:
    """The base as it is called elsewhere: a hub id as it stands, a place on our disk without it."""
    return model if HUB_ID.fullmatch(model) else served_name(model)


def _files(folder: Path) -> list[Json]:
    """Path, size and sha256 of every file, by path."""
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        path.chmod(0o644)  # whoever serves it may be another account
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        relative = path.relative_to(folder).as_posix()
        found.append({"path": relative, "bytes": path.stat().st_size, "sha256": digest})
    return found


def _summary(proof: "Proof") -> str:
    told = proof.json()
    return (
        f"{told['equal_float32']} of {told['questions']} answers are equal in float32, "
        f"{told['equal_rounded']} with the weights in {proof.weights} "
        f"(computed in {proof.computed_in})."
    )
