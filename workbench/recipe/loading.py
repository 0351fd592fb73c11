"""Which model an experiment takes, and how it is held."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from workbench.cache import DEFAULT_GB

if TYPE_CHECKING:
    from workbench.models import VideoLLM
    from workbench.models.checkpoints import CheckpointFolder


@dataclass(frozen=True, kw_only=True)
class Loading:
    """The model of an experiment."""

    model: str
    """mini/video-ft, mini/image, a folder with a checkpoint, or an id on the hub."""
    device: str | None = None
    """cuda, cuda:1 or cpu; a GPU where there is one if not given."""
    device_map: Literal["auto"] | None = None
    """auto: the model is spread over all GPUs, and over the memory of the machine where they do not hold it
    (needs accelerate)."""
    load_in: Literal["4bit", "8bit"] | None = None
    """4bit or 8bit: the decoder's linear layers take so few bits a weight (needs bitsandbytes)."""
    adapter: str | None = None
    """Folder, or id on the hub, of a LoRA adapter of peft, which is merged into the weights."""
    setting: Literal["paper"] | None = None
    """paper: prompts are, where no style, frames or separators are asked for, those of the paper that ran
    this checkpoint."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """So many processes measure, each with the model (needs Ray)."""
    ray_address: str | None = None
    """A Ray cluster for the workers: auto, or HEAD:6379. One is started on this machine if not given."""
    gpus_per_worker: Annotated[int, Field(ge=1)] | None = None
    """GPUs of each worker, wherever this process is; with several, the model is spread over them. One where
    this machine has GPUs, if not given."""
    remote: str | None = None
    """ndif: the reference engine's forwards run on NDIF's servers, which must have the model (--engine
    reference; docs/cluster.md). Or the address of a server, or local for nnsight's simulation of one."""
    dtype: str | None = None
    """float32, bfloat16 or float16; bfloat16 on a GPU and float32 on a CPU if not given."""

    cache: Path | None = None
    """Folder in which decoded frames, and what the vision tower makes of them, are kept for later runs and
    other processes. Nothing is kept if not given."""
    cache_gb: Annotated[float, Field(gt=0, allow_inf_nan=False)] = DEFAULT_GB
    """GB that the cache may take; the least recently used go first."""

    def loaded(self, name: str | None = None) -> VideoLLM:
        """The model; another one, held alike and without the adapter, by its name. Raises ModelError."""
        import workbench as wb

        adapter = self.adapter if name in (None, self.model) else None
        told: dict[str, Any] = {
            "device": self.device,
            "device_map": self.device_map,
            "load_in": self.load_in,
            "adapter": adapter,
            "setting": self.setting,
            "remote": self.remote,
            "cache": self.cache,
            "cache_gb": self.cache_gb,
        }
        if self.workers is None:
            return wb.load(name or self.model, dtype=self.dtype, **told)
        from workbench.runs.executors import assign
        from workbench.runs.workers import RayWorkers

        on_cpu = self.device == "cpu" and self.gpus_per_worker is None
        workers = RayWorkers(
            workers=self.workers,
            address=self.ray_address,
            gpus=self.gpus_per_worker,
            device="cpu" if on_cpu else None,
        )
        # Their number format, not that of this process, which may have no GPU.
        dtype = self.dtype or (None if self.gpus_per_worker is None else "bfloat16")
        model = wb.load(name or self.model, dtype=dtype, weights="later", **told)
        assign(model, workers)
        return model

    def checkpoint(self, name: str | None = None) -> CheckpointFolder:
        """The files of the model, or of another, without reading weights. Raises ModelError."""
        from workbench.models.checkpoints import find

        return find(name or self.model)

    def depth(self, name: str | None = None) -> int:
        """Layers of the model, or of another, from its config alone. Raises ModelError."""
        from workbench.models.checkpoints import recognise
        from workbench.models.checkpoints.weights import read_config

        folder = self.checkpoint(name)
        form, _ = recognise(folder)
        return read_config(folder, form, trust_remote_code=False).get_text_config().num_hidden_layers
