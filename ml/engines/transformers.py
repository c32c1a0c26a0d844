"""The transformers engine's model: one base in memory, LoRA adapters beside it, chosen per row."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from ml.adapter_files import WEIGHTS, check_base, read_adapter
from ml.engines.rows import RollingCache
from ml.errors import ModelLoadError

if TYPE_CHECKING:
    from peft import LoraConfig

# peft's name for a row that no adapter touches.
BASE_ROW: Final = "__base__"


class ServedModel:
    """A causal language model whose rows may each use another adapter.

    Not for several threads at once: whoever owns it calls it from one.

    Args:
        folder: of the base model.
        device: where it computes.
        dtype: of the base weights; adapters stay float32.

    Raises:
        ModelLoadError: the files cannot be loaded.
    """

    def __init__(self, folder: Path, *, device: torch.device, dtype: torch.dtype) -> None:
        self.folder = folder
        self.device = device
        # Neither transformers nor peft say what they take and give.
        base: Any
        try:
            base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
        except Exception as error:  # transformers raises whatever the files make it raise
            raise ModelLoadError(f"The model in {folder} cannot be loaded: {error}") from error
        self._base = base.to(device).eval()
        self._peft: Any = None
        # What every row gets where the rows are not named; peft needs one to be.
        self._active: str | None = None
        self._adapters = 0

    def empty_cache(self) -> RollingCache:
        return RollingCache(self._base.config.get_text_config().num_hidden_layers)

    @torch.inference_mode()
    def logits(
        self,
        ids: Sequence[Sequence[int]],
        *,
        cache: RollingCache,
        lengths: Sequence[int],
        adapters: Sequence[str | None],
    ) -> torch.Tensor:
        """Logits after the last of ``ids``, shape (B, V); the cache grows by what was read.

        Args:
            ids: B rows of equally many new tokens.
            cache: what the rows have read before.
            lengths: how many tokens of each row are in the cache; more columns are padding.
            adapters: one for each row, None for the bare base model.
        """
        read = torch.tensor(ids, device=self.device)  # (B, N)
        before = torch.tensor(lengths, device=self.device)[:, None]  # (B, 1)
        new = read.shape[1]
        columns = cache.get_seq_length() + new
        mask = None
        if min(lengths) + new < columns:
            padding = columns - new - before  # (B, 1)
            mask = (torch.arange(columns, device=self.device)[None] >= padding).long()  # (B, T)
        inputs = {
            "input_ids": read,
            "position_ids": before + torch.arange(new, device=self.device)[None],
            "attention_mask": mask,
            "past_key_values": cache,
            "use_cache": True,
            "logits_to_keep": 1,
        }
        first = adapters[0]
        if self._peft is None:
            output = self._base(**inputs)
        elif first is not None and all(adapter == first for adapter in adapters):
            # The usual case, and a third faster than naming each row's.
            self._activate(first)
            output = self._base(**inputs)
        else:
            names = [adapter or BASE_ROW for adapter in adapters]
            output = self._peft(**inputs, adapter_names=names)
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    @torch.inference_mode()
    def all_logits(self, ids: Sequence[int], *, first: int, adapter: str | None) -> torch.Tensor:
        """Logits after each of ``ids`` from place ``first`` on, shape (T - first, V)."""
        inputs = {
            "input_ids": torch.tensor([ids], device=self.device),
            "use_cache": False,
            "logits_to_keep": len(ids) - first,
        }
        if self._peft is None:
            output = self._base(**inputs)
        elif adapter is not None:
            self._activate(adapter)
            output = self._base(**inputs)
        else:
            output = self._peft(**inputs, adapter_names=[BASE_ROW])
        logits: torch.Tensor = output.logits[0]
        return logits

    def load_adapter(self, folder: Path) -> str:
        """Loads the LoRA adapter in ``folder`` beside the others; its name in ``logits()``.

        Raises:
            ModelLoadError: the files are missing, broken or not made for this base model.
        """
        from peft import PeftModelForCausalLM
        from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict

        config, weights = _read_adapter(folder, base=self.folder)
        self._adapters += 1
        # Layers that only the new one changes begin with it as theirs.
        self._active = None
        name = f"adapter-{self._adapters}"
        try:
            if self._peft is None:
                self._peft = PeftModelForCausalLM(self._base, config, adapter_name=name)
            else:
                self._peft.add_adapter(name, config)
            set_peft_model_state_dict(self._peft, weights, adapter_name=name)
            filled = get_peft_model_state_dict(self._peft, adapter_name=name).keys()
            if filled != weights.keys():
                raise ValueError("its layers are not those of the base model")
        except Exception as error:  # peft raises whatever the files make it raise
            self.drop_adapter(name)
            reason = str(error).strip().partition("\n")[0]
            raise ModelLoadError(
                f"The adapter in {folder} does not fit the base model: {reason}"
            ) from error
        self._peft.to(self.device).eval()
        return name

    def drop_adapter(self, name: str) -> None:
        if self._peft is None or name not in self._peft.peft_config:
            return
        others = [other for other in self._peft.peft_config if other != name]
        if others:
            self._peft.set_adapter(others[0])
            self._peft.delete_adapter(name)
        else:
            self._base, self._peft = self._peft.unload(), None
        self._active = None

    def _activate(self, name: str) -> None:
        if self._active != name:
            self._peft.base_model.set_adapter(name, inference_mode=True)
            self._active = name


def _read_adapter(folder: Path, *, base: Path) -> "tuple[LoraConfig, dict[str, torch.Tensor]]":
    from peft import LoraConfig  # takes two seconds, which a start need not wait for

    files = read_adapter(folder)
    if not (folder / WEIGHTS).is_file():
        raise ModelLoadError(f"{folder} holds no adapter: {WEIGHTS} is missing.")
    check_base(files, base=base)
    try:
        config = LoraConfig.from_pretrained(str(folder))
        weights = load_file(folder / WEIGHTS)
    except Exception as error:  # peft and safetensors raise whatever the files make them raise
        raise ModelLoadError(f"The adapter in {folder} cannot be read: {error}") from error
    if not isinstance(config, LoraConfig) or config.use_dora or config.modules_to_save:
        raise ModelLoadError(
            f"The adapter in {folder} is more than LoRA matrices (another method, DoRA or whole "
            "modules); it cannot be used beside others. Merge it into its base model instead."
        )
    config.inference_mode = True
    # Others would change the base weights while the adapter is set up.
    config.init_lora_weights = True
    return config, weights
