"""A whole data folder and recipe in miniature, so that training runs in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from distill.config import Recipe, load_recipe
from distill.datasets.wild import load_codes
from distill.datasets.wild.split import split_of

RECIPE = Path(__file__).parents[2] / "distill" / "configs" / "mf2-edge-base.toml"
_REPEATED = {"stage2": (2, 3, 4), "stage3": (2, 3, 4, 5, 6), "stage4": (2,)}
SMALL: dict[str, Any] = {
    "width": 0.5,
    "drop_blocks": tuple(f"{stage}.{i}" for stage, blocks in _REPEATED.items() for i in blocks),
}
"""Settings of a MobileFaceNet with half of the channels and one residual block a stage."""
CODED = 60
"""Faces of MFA-wild in the miniature, half of them coded twice."""
HELD_OUT = 10
"""Faces coded twice that are held out for validation."""


def tiny_recipe(folder: Path) -> Recipe:
    """Write the data sets with a few synthetic pictures each; return a recipe for them.

    It is the shipped recipe with other roots, a small network, no start weights, and a handful of
    steps.
    """
    rng = np.random.default_rng(0)
    _rafdb(folder / "rafdb", rng)
    _ferplus(folder / "ferplus", rng)
    _ckplus(folder / "ckplus", rng)
    _wild(folder / "wild", rng)
    shipped = load_recipe(RECIPE)
    replace = msgspec.structs.replace
    return replace(
        shipped,
        name="tiny",
        runs=str(folder / "runs"),
        data={name: replace(d, root=str(folder / name)) for name, d in shipped.data.items()},
        network=replace(shipped.network, init_from=None, **SMALL),
        train=replace(
            shipped.train,
            steps=4,
            batch={"wild": 3, "rafdb": 2, "ferplus": 2, "ckplus": 1},
            micro_batch=4,
            warmup=1,
            checkpoint_every=2,
            evaluate_every=2,
        ),
        folds=replace(shipped.folds, count=2) if shipped.folds else None,
    )


def write_recipe(recipe: Recipe, path: Path) -> None:
    """The recipe as a TOML file that `python -m distill` reads."""
    path.write_bytes(msgspec.toml.encode(_without_nulls(msgspec.to_builtins(recipe))))


def _without_nulls(content: Any) -> Any:
    """TOML has no null: what is None is left out."""
    if not isinstance(content, dict):
        return content
    return {key: _without_nulls(value) for key, value in content.items() if value is not None}


def _wild(root: Path, rng: np.random.Generator) -> None:
    """Noise in the place of photographs that are coded, of both splits."""
    codes = [code for code in load_codes() if code.set == "fairface"]
    twice = [code for code in codes if code.coder_b is not None]
    once = [code for code in codes if code.coder_b is None]
    held_out = [code for code in twice if split_of(code.set, code.image) == "valid"]
    taught = [code for code in twice if split_of(code.set, code.image) == "train"]
    for code in (*held_out[:HELD_OUT], *taught[: CODED // 2 - HELD_OUT], *once[: CODED // 2]):
        _picture(root / code.name, 100, rng)


def _rafdb(root: Path, rng: np.random.Generator) -> None:
    lines = []
    for number in range(60):
        name = f"train_{number:05d}"
        _picture(root / "basic/Image/aligned" / f"{name}_aligned.jpg", 100, rng)
        lines.append(f"{name}.jpg {number % 7 + 1}")
    (root / "basic/EmoLabel").mkdir(parents=True)
    (root / "basic/EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")


def _ferplus(root: Path, rng: np.random.Generator) -> None:
    for split in ("Train", "Valid", "Test"):
        rows = []
        for number in range(16):
            _picture(root / f"FER2013{split}" / f"fer{number}.png", 48, rng)
            votes = [0] * 10
            votes[number % 8], votes[(number + 1) % 8] = 7, 3
            rows.append(f'fer{number}.png,"(0, 0, 48, 48)",' + ",".join(map(str, votes)))
        (root / f"FER2013{split}" / "label.csv").write_text("\n".join(rows) + "\n")
    (root / "test_leaks.txt").write_text("fer3.png\n")


def _ckplus(root: Path, rng: np.random.Generator) -> None:
    units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 27)
    rows = ["image,subject,sequence,frame,emotion,action_units"]
    for number in range(40):
        _picture(root / "apex" / f"{number}.png", 128, rng)
        coded = " ".join(str(unit) for unit in units if rng.random() < 0.4)
        rows.append(f"apex/{number}.png,S{number // 4:03d},Q{number},apex,anger,{coded}")
    (root / "facs.csv").write_text("\n".join(rows) + "\n")


def _picture(path: Path, side: int, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = rng.integers(0, 256, (side // 8, side // 8, 3)).astype(np.uint8)
    cv2.imwrite(str(path), cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC))
