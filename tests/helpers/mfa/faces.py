"""A small cache of faces and a recipe for it, and the MFA commands run on them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from distill.config import Recipe, load_recipe
from distill.faces.store import save_store
from distill.mfa.records.schema import Record
from distill.mfa.records.store import open_store
from tests.helpers.mfa.handler import KEY
from tests.helpers.tiny_training import RECIPE


@dataclass(frozen=True)
class Place:
    """A folder with a recipe, a cache of `rafdb` and, once there is one, a store."""

    folder: Path
    recipe: Recipe

    @property
    def config(self) -> Path:
        return self.folder / "recipe.toml"

    @property
    def store(self) -> Path:
        return self.folder / "mfa.sqlite"

    def records(self) -> list[Record]:
        with open_store(self.store) as store:
            return list(store.records("gpt"))

    def arguments(self, command: str, *more: str) -> list[str]:
        return ["mfa", command, "--config", str(self.config), "--store", str(self.store), *more]

    def asking(self, command: str, base_url: str, *more: str, budget: float = 100.0) -> list[str]:
        """Arguments of a build or repair that asks a server, in a hurry."""
        where = ["--base-url", base_url, "--budget-usd", str(budget), "--side", "32"]
        return self.arguments(command, *where, "--timeout", "20", "--poll-seconds", "0.05", *more)

    def start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        """The command in a process of its own."""
        command = [sys.executable, "-m", "distill", *arguments]
        environment = os.environ | {"OPENAI_API_KEY": KEY}
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def make_place(folder: Path, count: int, seed: int = 0, side: int = 128) -> Place:
    """Faces of noise with every emotion of RAF-DB, and units known, unknown and absent."""
    shipped = msgspec.toml.decode(RECIPE.read_bytes())
    data = {"rafdb": shipped["data"]["rafdb"]}
    shipped["train"]["batch"] = {"rafdb": 8}
    del shipped["folds"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.toml").write_bytes(
        msgspec.toml.encode(shipped | {"runs": str(folder / "runs"), "data": data})
    )
    recipe = load_recipe(folder / "recipe.toml")
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    units = rng.choice([0.0, 1.0, np.nan], (count, len(recipe.action_units)))
    save_store(
        recipe.cache_folder / "rafdb",
        list(coarse.repeat(side // 8, axis=1).repeat(side // 8, axis=2)),
        names=np.array([f"{number:05d}.jpg" for number in range(count)]),
        splits=np.array(["train"] * count),
        subjects=np.array([""] * count),
        aligned=np.ones(count, dtype=bool),
        votes=np.full((count, len(recipe.emotions)), np.nan, dtype=np.float32),
        majority=rng.integers(-1, 7, count),
        action_units=units.astype(np.float32),
    )
    return Place(folder, recipe)
