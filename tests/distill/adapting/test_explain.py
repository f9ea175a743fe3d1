"""Pictures of where MF² looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mf2_edge
from distill.__main__ import main
from distill.explain import CAPTION, COLUMNS, TILE, explain
from mf2_edge.errors import FrameError
from tests.helpers.tiny_teacher import write_teacher

pytestmark = pytest.mark.slow

ASTRONAUT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MF² of random weights."""
    path = tmp_path_factory.mktemp("explain") / "mf2.pt"
    write_teacher(path)
    return path


def test_each_unit_has_a_tile_and_attention_reddens_the_face(checkpoint: Path) -> None:
    picture = explain(ASTRONAUT, checkpoint)
    height, width, _ = picture.shape
    assert width == COLUMNS * TILE
    assert height == 5 * (TILE + CAPTION)  # 21 units, 5 a row
    first, second = picture[:TILE, :TILE], picture[:TILE, TILE : 2 * TILE]
    assert not np.array_equal(first, second)
    blank = picture[-TILE:, -TILE:]
    assert (blank == 255).all()


@pytest.mark.parametrize(("name", "form"), [("seen.png", "PNG"), ("seen.jpg", "JPEG")])
def test_the_picture_is_written_in_the_form_its_name_asks_for(
    name: str, form: str, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / name
    command = ["explain", str(ASTRONAUT), "--checkpoint", str(checkpoint), "--out", str(out)]
    assert main(command) == 0
    with Image.open(out) as picture:
        assert picture.format == form


def test_a_photograph_without_a_face_and_a_missing_checkpoint_are_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "wall.png"
    Image.fromarray(np.full((200, 200, 3), 128, dtype=np.uint8)).save(empty)
    with pytest.raises(FrameError, match="no face in"):
        explain(empty, checkpoint)
    missing = ["explain", str(ASTRONAUT), "--checkpoint", str(tmp_path / "none.pt")]
    assert main([*missing, "--out", str(tmp_path / "seen.png")]) == 2
    assert "train one first" in capsys.readouterr().err
