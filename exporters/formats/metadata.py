"""Metadata inside model files, for the formats that can hold them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest


def file_metadata(manifest: Manifest) -> dict[str, str]:
    """Key and text: bundle, version, checkpoint, licence, labels a head, preprocessing.

    Lists and objects are JSON. The bundle's manifest holds the same and more. Its own hash cannot
    be here, since it holds this file's; the checkpoint's hash identifies the network.
    """
    preprocessing = {
        "color": manifest.input.color,
        "mean": manifest.preprocessing.mean,
        "std": manifest.preprocessing.std,
        "rule": "x = (pixel - mean) / std, pixels 0..255",
    }
    labels = {f"labels.{head.name}": json.dumps(head.labels) for head in manifest.heads}
    checkpoint = manifest.provenance.checkpoint_sha256
    return {
        "bundle": manifest.name,
        "version": manifest.version,
        **({} if checkpoint is None else {"checkpoint_sha256": checkpoint}),
        "license": f"{manifest.license.name}: {manifest.license.summary}",
        **labels,
        "preprocessing": json.dumps(preprocessing),
    }
