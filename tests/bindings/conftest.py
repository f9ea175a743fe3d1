"""What the tests of several bindings share: a model folder and what each binding replays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.bindings.fuzz_cases import ROUNDS, Round, copy_toy, lay_out_fuzz
from tests.helpers.bindings.replay import copy_model, lay_out


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as an app has it; tests copy what they change."""
    return copy_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="session")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder that a binding replays, and the SDK's states of its crops."""
    folder = tmp_path_factory.mktemp("replay")
    return folder, lay_out(folder)


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy bundle as a model folder."""
    return copy_toy(tmp_path_factory.mktemp("toy") / "model")


@pytest.fixture(scope="session")
def fuzz_rounds(tmp_path_factory: pytest.TempPathFactory) -> list[Round]:
    """Made-up input for every binding."""
    folder = tmp_path_factory.mktemp("fuzz")
    return [lay_out_fuzz(folder / f"round{number}", number) for number in range(ROUNDS)]
