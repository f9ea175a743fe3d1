"""Exported twice, a network gives the same bytes; and programs for the delegates of phones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor, nn

from exporters.errors import DelegationError
from exporters.formats.coreml.convert import minimum_systems
from exporters.formats.registry import FORMATS
from exporters.formats.spec import ExportSource
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec, Manifest
from mf2_edge.errors import BundleError, RuntimeUnavailableError
from mf2_edge.export.artifact import Choice, export_bundle
from mf2_edge.runtime.select import choose_artifact, runs_here
from mf2_edge.verify import Outcome, verify_bundle
from tests.helpers.make_tiny_bundle import FOLDER, HEADS, manifest_dict

pytestmark = pytest.mark.slow


class Small(nn.Module):
    """One layer of each kind that edge networks have."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8)),
            *(nn.Conv2d(8, 8, 26, groups=8), nn.Flatten()),
        )
        self.heads = nn.ModuleList(nn.Linear(8, len(labels)) for labels in HEADS.values())

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        face = self.trunk(x)
        return tuple(head(face) for head in self.heads)


def source_of(name: str, network: nn.Module | None = None) -> ExportSource:
    row = FORMATS[name]
    artifact = ArtifactSpec(
        file=f"small{row.suffix}",
        format=row.format,
        precision=row.precision,
        layout=row.layout,
        input=row.input,
        delegate=row.delegate,
        bytes=1,
        sha256="0" * 64,
        minimum_os=minimum_systems("17"),
    )
    manifest = msgspec.convert(manifest_dict(), Manifest)
    return ExportSource((network or Small()).eval(), manifest, artifact)


def export(name: str, path: Path, network: nn.Module | None = None) -> dict[str, int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return dict(FORMATS[name].export(source_of(name, network), path))


@pytest.mark.parametrize("name", ["tflite:fp32", "executorch:fp32", "onnx:fp32"])
def test_two_exports_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Core ML: tests/exporters/formats/test_coreml.py."""
    suffix = FORMATS[name].suffix
    files = [tmp_path / folder / f"small{suffix}" for folder in ("a", "b")]
    first, second = ((export(name, file), file.read_bytes())[1] for file in files)
    assert first == second
    assert str(Path(__file__).parents[2]).encode() not in first


# Delegates that only phones have


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("executorch/coreml:fp16", b"CoreMLBackend"),
        ("executorch/vulkan:fp32", b"VulkanBackend"),
    ],
)
def test_a_program_for_a_phones_delegate_is_lowered_whole(
    name: str, backend: bytes, tmp_path: Path
) -> None:
    operators = export(name, tmp_path / "small.pte")
    assert list(operators) == ["in Core ML" if "coreml" in name else "in Vulkan"]
    assert min(operators.values()) > 5
    assert backend in (tmp_path / "small.pte").read_bytes()


def test_what_vulkan_does_not_take_is_listed_unless_allowed(tmp_path: Path) -> None:
    class Odd(Small):
        def forward(self, x: Tensor) -> Any:
            return tuple(logits + torch.sort(logits).values for logits in super().forward(x))

    with pytest.raises(DelegationError, match=r"outside the Vulkan delegate: .*sort"):
        export("executorch/vulkan:fp32", tmp_path / "odd.pte", Odd())
    assert list(tmp_path.iterdir()) == []
    strict = source_of("executorch/vulkan:fp32", Odd())
    lenient = ExportSource(strict.network, strict.manifest, strict.artifact, partial=True)
    operators = FORMATS["executorch/vulkan:fp32"].export(lenient, tmp_path / "odd.pte")
    assert any("sort" in each for each in operators)
    assert operators["in Vulkan"] > 5


@pytest.fixture
def phones_first(tmp_path: Path) -> Bundle:
    """The tiny bundle, a program for Vulkan being the first artifact it lists."""
    bundle = load_bundle(FOLDER)
    whole = bundle.select("executorch")
    vulkan = msgspec.structs.replace(whole, delegate="vulkan")
    artifacts = (vulkan, *bundle.manifest.artifacts)
    manifest = msgspec.structs.replace(bundle.manifest, artifacts=artifacts)
    return Bundle(bundle.path, manifest, bundle.manifest_sha256)


def test_no_runtime_here_takes_it(phones_first: Bundle) -> None:
    vulkan = phones_first.manifest.artifacts[0]
    assert not runs_here(vulkan)
    assert phones_first.select("executorch").delegate is None
    assert choose_artifact(phones_first).delegate is None
    alone = msgspec.structs.replace(phones_first.manifest, artifacts=(vulkan,))
    with pytest.raises(RuntimeUnavailableError):
        choose_artifact(Bundle(phones_first.path, alone, "0" * 64))
    check = next(c for c in verify_bundle(phones_first) if c.name == f"model {vulkan.file}")
    assert check.outcome is Outcome.SKIPPED
    assert "vulkan" in check.detail


def test_export_hands_it_out_when_asked(phones_first: Bundle, tmp_path: Path) -> None:
    written = export_bundle(phones_first, tmp_path, Choice(kinds=("pte",), delegate="vulkan"))
    assert written[0].name == "tiny.pte"
    with pytest.raises(BundleError, match="no pte for coreml; it holds: pte fp32 for vulkan"):
        export_bundle(phones_first, tmp_path, Choice(kinds=("pte",), delegate="coreml"))
