"""What a training was made of: recipe, commit, data, start weights, packages and machine."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

import msgspec
import torch

from distill.config import Recipe
from distill.training.distributed import World
from mf2_edge.io.atomic import write_json

LABELS, IMAGES = "labels.npz", "images.npy"


def write_run_record(recipe: Recipe, fold: int | None, world: World, path: Path) -> None:
    """Write `run.json` beside the log; one of an earlier start of the same run is written anew."""
    write_json(
        path,
        {
            "recipe": _whole(recipe),
            "fold": fold,
            "commit": commit(),
            "data": {name: _data(recipe, name) for name, n in recipe.train.batch.items() if n},
            "start": _start(recipe),
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            "device": torch.cuda.get_device_name(world.device)
            if world.device.type == "cuda"
            else "CPU",
            "processes": world.size,
            "threads": recipe.threads,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _whole(value: Any) -> Any:
    """A recipe as JSON takes it, its defaults too."""
    if isinstance(value, msgspec.Struct):
        return {name: _whole(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _whole(below) for key, below in value.items()}
    return value


def commit() -> str | None:
    """The commit of the code, with "-dirty" where tracked files differ; None outside of git."""
    asked = ["describe", "--always", "--abbrev=40", "--dirty", "--match="]
    try:
        said = subprocess.run(  # noqa: S603
            ["git", "-C", str(Path(__file__).parent), *asked],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.strip() or None


def _data(recipe: Recipe, name: str) -> dict[str, Any]:
    """Where faces came from, and hashes of what was trained on; of shards only where they are."""
    data, folder = recipe.data[name], recipe.cache_folder / name
    if data.streamed:
        return {"root": data.root}
    return {
        "root": data.root,
        "labels_sha256": _sha256(folder / LABELS),
        "images_bytes": (folder / IMAGES).stat().st_size,
    }


def _start(recipe: Recipe) -> dict[str, str | None]:
    settings = recipe.network
    files = {"weights": settings.weights, "init_from": settings.init_from}
    return {
        key: _sha256(Path(value)) if value and Path(value).is_file() else value
        for key, value in files.items()
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
