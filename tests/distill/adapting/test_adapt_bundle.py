"""New heads for a bundle as it ships: from labels and from a sentence, no checkpoint at hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.__main__ import main
from distill.adapting.frozen import network_digest, open_network
from distill.adapting.hidden import HiddenStates, hidden_states
from distill.adapting.text import fit_space
from distill.adapting.text import space as space_module
from distill.adapting.text.fit_space import Faces, TextSpaceMetrics
from distill.adapting.text.space import TextSpace, load_text_space, open_text_space, save_text_space
from distill.config import Recipe
from distill.faces.augment import centre
from distill.faces.batches import Source
from distill.faces.store import load_store
from distill.language.texts import TextBank
from distill.networks.dfn import Layout
from distill.training.checkpoint import CheckpointError
from exporters.__main__ import main as export
from mf2_edge import FaceStateAnalyzer, load_bundle
from tests.helpers.dataset_trees import SAMPLE
from tests.helpers.exported import exported_fp32, exported_int8
from tests.helpers.tiny_teacher import prepared_teacher, stripes, write_picture

pytestmark = pytest.mark.slow

PICTURES = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of stripes, every other one across, and their table."""
    folder = tmp_path_factory.mktemp("bundle")
    rng = np.random.default_rng(0)
    lines = ["image,label"]
    for number in range(PICTURES):
        across = bool(number % 2)
        write_picture(folder / "pictures" / f"{number}.png", stripes(across, 3 + number // 6, rng))
        lines.append(f"{number}.png,{'across' if across else 'along'}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def digests(bundle: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in bundle.iterdir()}


def test_labels_become_a_head_of_the_bundles_own_file(folder: Path) -> None:
    before = digests(exported_int8())
    command = ["--data", str(folder / "labels.csv"), "--images", str(folder / "pictures")]
    bundle = ["--bundle", str(exported_int8())]
    out = ["--out", str(folder / "out")]
    assert main(["adapt", *command, "--task", "direction", *bundle, *out]) == 0
    head, exported = folder / "out/direction/head.pt", folder / "heads/direction"
    assert export(["head", str(head), *bundle, "--to", "tflite", "--out", str(exported)]) == 0
    analyzer = FaceStateAnalyzer(exported_int8(), runtime="litert", heads=[exported])
    pictures = [stripes(bool(n % 2), 4, np.random.default_rng(n)) for n in range(10)]
    faces = [centre(picture, 112, 112) for picture in pictures]
    states = analyzer.predict_crops(faces, color="rgb", align=False)
    found = [state.tasks["direction"].present for state in states]
    right = [("across",) if n % 2 else ("along",) for n in range(10)]
    assert sum(a == b for a, b in zip(found, right, strict=True)) >= 8
    assert digests(exported_int8()) == before


def test_hidden_states_are_what_the_file_tells(folder: Path) -> None:
    images = np.random.default_rng(1).integers(0, 255, (4, 128, 128, 3)).astype(np.uint8)
    np.save(folder / "images.npy", images)
    rows = np.array([2, 0])
    states = hidden_states(
        exported_int8(), folder / "images.npy", rows, folder, views=1, seed=0, workers=1
    )
    analyzer = FaceStateAnalyzer(exported_int8())
    embeddings = analyzer.bundle.manifest.embeddings
    assert states.layout.stages == tuple(each.width for each in embeddings)
    outputs = analyzer.runtime.run(analyzer.preprocess(centre(images[2], 112, 112)))
    told = np.concatenate([np.asarray(outputs[v.output]).ravel() for v in embeddings])
    np.testing.assert_allclose(states.values[0, 0], told, rtol=2e-3, atol=1e-3)
    assert not np.allclose(states.values[0, 0], states.values[0, 1], atol=1e-2)


def test_a_bundle_that_tells_no_vectors_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(folder / "labels.csv"), "--images", str(folder / "pictures")]
    for bundle, message in (
        (str(exported_fp32().bundle), "has no embeddings"),
        ("mf2-edge-none", "expected a bundle's folder"),
    ):
        assert main(["adapt", *command, "--task", "direction", "--bundle", bundle]) == 2
        assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return prepared_teacher(tmp_path_factory.mktemp("school"))


def test_a_sentence_becomes_a_head_of_a_bundle_that_was_taught_words(
    recipe: Recipe,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fit_space, "STEPS", 20)
    monkeypatch.setattr(space_module, "FOLDER", folder / "spaces")
    bundle = ["--bundle", str(exported_int8())]
    photographs = folder / "photographs"
    photographs.mkdir()
    shutil.copy(SAMPLE, photographs)
    command = ["adapt", *bundle, "--text", "a person who smiles", "--faces", str(photographs)]
    command += ["--task", "smile", "--out", str(folder / "out")]
    assert main(command) == 2
    assert "python -m distill text-space --bundle" in capsys.readouterr().err

    config = Path(recipe.runs).parent / "recipe.toml"
    figures = folder / "text-space.json"
    places = ["--out", str(folder / "spaces"), "--figures", str(figures)]
    assert main(["text-space", *bundle, "--config", str(config), *places]) == 0
    rows = msgspec.json.decode(figures.read_bytes(), type=list[TextSpaceMetrics])
    assert [row.by for row in rows] == ["its head", "the grammar's sentences", "plain words"]
    assert rows[0].sha256 == FaceStateAnalyzer(exported_int8()).artifact.sha256

    assert main(command) == 0
    head, exported = folder / "out/smile/head.pt", folder / "heads/smile"
    assert export(["head", str(head), *bundle, "--to", "tflite", "--out", str(exported)]) == 0
    analyzer = FaceStateAnalyzer(exported_int8(), heads=[exported])
    answer = analyzer.predict(SAMPLE)[0].tasks["smile"]
    assert answer.kind == "likeness"
    assert 0 <= answer.scores["a person who smiles"] <= 1


def test_faces_are_laid_beside_the_sentences_that_are_true_of_them(recipe: Recipe) -> None:
    """Two emotions that one value of the face vector tells apart, and a text of each."""
    assert recipe.texts is not None
    config = msgspec.structs.replace(recipe.texts, levels=("emotion",))
    rng = np.random.default_rng(0)
    store = load_store(recipe.cache_folder / "rafdb")
    count = len(store.names)
    emotion = rng.integers(0, 2, count)
    votes = np.eye(len(recipe.emotions), dtype=np.float32)[emotion]
    values = rng.normal(0, 1, (count, 1, 6)).astype(np.float16)
    values[:, 0, 2] += 8 * emotion - 4
    states = HiddenStates(values, Layout((4, 2), 0, 0), Path("unused"))
    source = Source(
        "rafdb",
        replace(store, votes=votes),
        np.arange(count),
        np.ones(len(recipe.emotions), np.float32),
        np.full((count, len(recipe.action_units)), np.nan, np.float32),
    )
    space = fit_space.fit_text_space(
        [Faces(source, np.arange(count), states)], 4, two_texts(recipe), config, seed=0
    )
    read = space.read(torch.from_numpy(values[:, 0].astype(np.float32)))
    assert (read[:, :2].argmax(dim=1).numpy() == emotion).mean() > 0.95


TEXT_WIDTH = 384
"""Values of a vector of the built-in encoder."""


def two_texts(recipe: Recipe) -> TextBank:
    """Of the first two emotions, along the first two directions of the text space."""
    return TextBank(
        vectors=np.eye(2, TEXT_WIDTH, dtype=np.float32),
        level=np.array([1, 1]),
        emotion=np.array([0, 1]),
        unit=np.array([-1, -1]),
        present=np.zeros((2, len(recipe.action_units)), dtype=bool),
    )


def test_a_text_space_is_kept_with_the_network_that_it_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space_module, "FOLDER", tmp_path)
    bundle = load_bundle(exported_int8())
    width = open_network(bundle.path).layout.stages[0]
    torch.manual_seed(0)
    weight = torch.randn(TEXT_WIDTH, 4) @ torch.randn(4, width)
    space = TextSpace(weight, torch.randn(TEXT_WIDTH), "some encoder")
    path = tmp_path / f"{bundle.manifest.name}.npz"
    save_text_space(space, 4, network_digest(bundle.path), path)
    again = open_text_space(bundle.path)
    assert again.encoder == "some encoder"
    faces = torch.randn(5, width + 3)
    torch.testing.assert_close(again.read(faces), space.read(faces), atol=2e-3, rtol=0)

    save_text_space(space, 4, "0" * 64, path)
    with pytest.raises(CheckpointError, match="belongs to the network with sha256 0000"):
        open_text_space(bundle.path)
    path.write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="is no text space"):
        load_text_space(path)


def test_the_text_spaces_that_ship_belong_to_the_bundles_that_ship() -> None:
    spaces = sorted(space_module.FOLDER.glob("*.npz"))
    assert spaces, "no text space ships"
    for path in spaces:
        bundle = load_bundle(path.stem)
        space = open_text_space(bundle.path)
        assert space.weight.shape == (TEXT_WIDTH, bundle.manifest.embeddings[0].width)
        file = Path(__file__).parents[3] / "benchmarks/results" / path.stem / "text-space.json"
        rows = msgspec.json.decode(file.read_bytes(), type=list[TextSpaceMetrics])
        assert {row.sha256 for row in rows} == {FaceStateAnalyzer(bundle).artifact.sha256}
