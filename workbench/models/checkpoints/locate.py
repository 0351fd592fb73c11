"""Where a checkpoint folder is: the embedded model, a path, or the hub."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import ModelError
from workbench.models.checkpoints.folder import CheckpointFolder

_EMBEDDED = "mini/"


def find(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> CheckpointFolder:
    """The folder of an embedded model ("mini/video-ft"), of a path, or of a hub id, which may be downloaded.

    Raises ModelError where there is none.
    """
    if not isinstance(name_or_path, str | Path):
        raise ModelError(
            f"{name_or_path!r:.80} is no checkpoint. Give a folder's path, or a hub id, as text."
        )
    name = str(name_or_path)
    path, kind = _on_this_machine(name_or_path)
    if revision is not None and (name.startswith(_EMBEDDED) or kind is not None):
        raise ModelError(
            f"revision={revision!r} names a commit of the hub, and {name} is on this machine. Leave it out, "
            "or give the hub id."
        )
    if name.startswith(_EMBEDDED):
        from workbench.mini import checkpoint  # not needed by anybody who brings a model

        return CheckpointFolder(name, checkpoint(name.removeprefix(_EMBEDDED)))
    if kind == "folder":
        return CheckpointFolder(path.resolve().name, path)
    if kind == "file":
        raise ModelError(f"{path} is a file. Give the folder of the checkpoint: {path.parent}.")
    if isinstance(name_or_path, Path) or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"There is no checkpoint folder {name}. Give a folder with config.json, a hub id such as "
            "'llava-hf/LLaVA-NeXT-Video-7B-hf', or 'mini/video-ft' for the embedded model."
        )
    return CheckpointFolder(name, _download(name, revision, allow_pickle, trust_remote_code))


def _on_this_machine(name: str | Path) -> tuple[Path, str | None]:
    """The path of that name, and whether it is a "folder" or a "file"; None where there is neither."""
    path = Path(name)
    try:
        path = path.expanduser()
        return path, "folder" if path.is_dir() else "file" if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a home that nobody has
        return path, None


def _download(name: str, revision: str | None, allow_pickle: bool, trust_remote_code: bool) -> Path:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    wanted += ["*.bin"] if allow_pickle else []
    wanted += ["*.py"] if trust_remote_code else []
    try:
        folder = snapshot_download(name, revision=revision, allow_patterns=wanted, ignore_patterns=["*/*"])
    except Exception as error:  # network, rights, names: the hub raises many kinds
        raise ModelError(
            f"{name} is no folder on this machine, and the hub did not give it "
            f"({type(error).__name__}: {str(error).splitlines()[0]}). With a network: check the name, the "
            "revision and "
            "your rights (huggingface-cli login). Without one: download it elsewhere with `hf download "
            f"{name} --local-dir FOLDER`, copy the folder here, and give its path."
        ) from error
    return Path(folder)
