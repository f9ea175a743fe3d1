"""The texts of a bundle for people: README.md (a model card) and LICENSE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mf2_edge.facs import ACTION_UNIT_NAMES

if TYPE_CHECKING:
    from exporters.about import About
    from mf2_edge.schema import Manifest


def license_text(about: About, manifest: Manifest) -> str:
    """The licence of the weights, with the terms of the data that they saw."""
    data = "\n".join(f"- {terms.name}: {terms.terms}" for terms in manifest.license.data)
    return (
        f"{manifest.license.name}\n\n{about.license.text.strip()}\n\n"
        f"The weights were trained on:\n\n{data}\n"
    )


def model_card(about: About, manifest: Manifest) -> str:
    """The model card: what it is, how it was measured, what it is not for, where it comes from."""
    size = manifest.input
    units = ", ".join(
        f"{label} ({ACTION_UNIT_NAMES[label]})" for label in manifest.head("action_units").labels
    )
    sections = [
        f"# {manifest.name} {manifest.version}\n\n{manifest.description}",
        f"""## Use

{about.intended_use}

```python
from mf2_edge import FaceStateAnalyzer

faces = FaceStateAnalyzer(bundle="path/to/{manifest.name}").predict("photo.jpg")
```

Input: {size.width}x{size.height} {size.color.upper()} face, aligned and normalised as
`manifest.json` says.
Output: logits of {len(manifest.head("emotion").labels)} emotions \
({", ".join(manifest.head("emotion").labels)}) and of {len(manifest.head("action_units").labels)} \
Action Units: {units}.""",
        "## Accuracy, as measured\n\n" + _accuracy(manifest),
        "## Files\n\n" + _files(manifest),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in about.limits),
        f"""## Licence and data

{manifest.license.name}: {manifest.license.summary} See `LICENSE`.

{_table(("data", "terms"), ((d.name, d.terms) for d in manifest.license.data))}

{manifest.provenance.backbone} Exported {manifest.provenance.created}; tools, data hashes and
commit are in `manifest.json`.""",
    ]
    return "\n\n".join(sections) + "\n"


def _accuracy(manifest: Manifest) -> str:
    if not manifest.accuracy:
        return "Not measured."
    rows = (
        (a.dataset, a.split, a.metric, f"{a.value:.4f}", str(a.n), a.protocol)
        for a in manifest.accuracy
    )
    return _table(("data", "split", "metric", "value", "images", "how"), rows)


def _files(manifest: Manifest) -> str:
    rows = []
    for artifact in manifest.artifacts:
        parity = artifact.parity
        close = "not measured" if parity is None else f"{parity.max_abs_difference:.1e}"
        shape = artifact.layout
        size = f"{artifact.bytes / 1e6:.2f} MB"
        rows.append((f"`{artifact.file}`", artifact.format, artifact.precision, shape, size, close))
    head = ("file", "format", "precision", "input", "size", "largest difference of a score")
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )
