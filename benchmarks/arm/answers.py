"""What the files of a bundle answer to aligned faces; the same program here and in the emulation.

    python -m benchmarks.arm.answers BUNDLE FACES OUT

FACES (.npy) holds uint8 [n, H, W, 3]. OUT (.npz) gets `FILE/PLACE`, each output [n, values] of each
file that runs here, and `verify`: the checks of `mf2_edge.verify` as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.runtime.select import open_artifact, runs_here
from mf2_edge.verify import verify_bundle

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import ArtifactSpec


def answers(
    bundle: Bundle, artifact: ArtifactSpec, faces: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """Each output, [n, values], for faces uint8 [n, H, W, 3]."""
    model = open_artifact(bundle, artifact)
    spec = bundle.manifest.preprocessing
    rows = [model.run(to_input(face, spec, artifact.layout)) for face in faces]
    return [np.concatenate(output) for output in zip(*rows, strict=True)]


def main() -> int:
    """Run the command; returns the exit code."""
    folder, faces, out = map(Path, sys.argv[1:4])
    bundle = load_bundle(folder)
    pictures = np.load(faces)
    arrays: dict[str, Any] = {}
    for artifact in bundle.manifest.artifacts:
        if runs_here(artifact):
            for place, output in enumerate(answers(bundle, artifact, pictures)):
                arrays[f"{artifact.file}/{place}"] = output
    checks = [[check.name, str(check.outcome), check.detail] for check in verify_bundle(bundle)]
    np.savez(out, verify=json.dumps(checks), **arrays)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
