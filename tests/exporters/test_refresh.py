"""A bundle's texts are told anew; what ships tells them as its own texts and recipe do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exporters.bundle.metadata import FOLDER, load_about
from exporters.bundle.refresh import main, size_of
from mf2_edge.bundle.loader import list_bundles, load_bundle


@pytest.mark.parametrize("name", list_bundles())
def test_a_bundle_that_ships_tells_its_size_and_its_card(name: str) -> None:
    manifest, about = load_bundle(name).manifest, load_about(FOLDER / f"{name}.toml")
    assert manifest.version == about.version
    assert manifest.size == size_of(name)
    assert manifest.card is not None
    assert manifest.card.intended_use == about.intended_use
    assert manifest.card.misuse == about.misuse
    assert manifest.card.limits == (about.training, *about.limits)


def test_texts_are_renewed_and_all_else_stays(tmp_path: Path) -> None:
    shipped, folder = load_bundle("mf2-edge-base"), tmp_path / "mf2-edge-base"
    shutil.copytree(shipped.path, folder)
    manifest = folder / "manifest.json"
    told = manifest.read_text()
    manifest.write_text(told.replace(shipped.manifest.description, "Something else."))
    assert main([str(folder)]) == 0
    assert manifest.read_text() == told
    card = (folder / "README.md").read_text()
    assert "forbidden in the European Union" in card
    assert f"`{shipped.manifest.artifacts[0].file}`" in card


def test_what_only_the_press_can_make_is_left_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mf2-edge-m"
    shutil.copytree(load_bundle("mf2-edge-m").path, folder)
    assert main([str(folder)]) == 2
    assert "press it again" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing")]) == 2
