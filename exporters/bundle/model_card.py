"""The texts of a bundle for people: README.md (a model card) and LICENSE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from exporters.checks.agreement import agreement_rows
from mf2_edge.facs import ACTION_UNIT_NAMES

if TYPE_CHECKING:
    from exporters.bundle.metadata import Metadata
    from exporters.checks.agreement import Agreement
    from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy, Manifest

CARD: Final = "README.md"
FAIRNESS: Final = "## Fairness"
LIMITS: Final = "## Limits"
_NO_FAIRNESS: Final = (
    "Not measured: nothing at hand says the age, sex or skin tone of the people. Do not assume "
    "that accuracy is even."
)


def license_text(metadata: Metadata, manifest: Manifest) -> str:
    """The licence of the weights, with the terms of the training data."""
    data = "\n".join(f"- {terms.name}: {terms.terms}" for terms in manifest.license.data)
    return (
        f"{manifest.license.name}\n\n{metadata.license.text.strip()}\n\n"
        f"The weights were trained on:\n\n{data}\n"
    )


def model_card(metadata: Metadata, manifest: Manifest, agreements: Sequence[Agreement] = ()) -> str:
    """The model card: intended use, data, every figure with its interval.

    agreements: differences between the int8 files. `exporters.bundle.evaluation.with_evaluation`
    adds what is measured on a file later.
    """
    size = manifest.input
    units = ", ".join(
        f"{label} ({ACTION_UNIT_NAMES[label]})" for label in manifest.head("action_units").labels
    )
    sections = [
        f"# {manifest.name} {manifest.version}\n\n{manifest.description}",
        f"## Intended use\n\n{metadata.intended_use}",
        f"## What it must not be used for\n\n{_list(metadata.misuse)}",
        f"""## How to use it

```python
from mf2_edge import FaceStateAnalyzer

faces = FaceStateAnalyzer(bundle="path/to/{manifest.name}").predict("photo.jpg")
```

Input: {size.width}x{size.height} {size.color.upper()} face, aligned and normalised as
`manifest.json` says.
Output: logits of {len(manifest.head("emotion").labels)} emotions \
({", ".join(manifest.head("emotion").labels)}) and of {len(manifest.head("action_units").labels)} \
Action Units: {units}.{_further_heads(manifest)}{_size(manifest)}""",
        "## Accuracy, as measured\n\n" + _accuracy(manifest),
        "## Reliability of each answer\n\n" + _reliability(manifest),
        f"{FAIRNESS}\n\n{_NO_FAIRNESS}",
        f"{LIMITS}\n\n{_list((metadata.training, *metadata.limits))}",
        "## Files\n\n" + _files(manifest) + _agreements(agreements),
        f"""## Licence and data

{manifest.license.name}: {manifest.license.summary} See `LICENSE`.

{_table(("data", "terms"), ((d.name, d.terms) for d in manifest.license.data))}

{manifest.provenance.backbone} Exported {manifest.provenance.created}; tools, data hashes and
commit are in `manifest.json`.""",
    ]
    return "\n\n".join(sections) + "\n"


def _further_heads(manifest: Manifest) -> str:
    visibility = manifest.find_head("visibility")
    told = ""
    if manifest.find_head("strength"):
        told += " Of each unit also whether it is marked (FACS intensity C to E)."
    if visibility:
        told += f" Of each region whether it can be judged: {', '.join(visibility.labels)}."
    return told


def _reliability(manifest: Manifest) -> str:
    """F1, recall and number of faces of each label; then the units told only on request."""
    spec = manifest.reliability
    parts = ["Not measured label by label."]
    if spec is not None:
        rows = [
            (
                label,
                where,
                f"{one.f1:.3f}",
                f"{one.recall:.3f}",
                str(one.support),
                str(one.n),
                one.data,
            )
            for told in (spec.emotion, spec.action_units)
            for label, figures in told.items()
            for where, one in (("laboratory", figures.laboratory), ("world", figures.world))
            if one is not None
        ]
        head = ("label", "where", "F1", "recall", "positives", "faces", "data")
        parts = [_table(head, rows)]
    if manifest.experimental:
        units = ", ".join(manifest.experimental)
        parts.append(
            "Experimental, told only with `include_experimental=True` or `--experimental`: "
            f"{units}."
        )
    return "\n\n".join(parts)


def _size(manifest: Manifest) -> str:
    if manifest.size is None:
        return ""
    size = manifest.size
    return (
        f"\nSize: {size.parameters / 1e6:.2f} M parameters, {size.multiply_adds / 1e6:.0f} M "
        "multiply-adds a face."
    )


def _accuracy(manifest: Manifest) -> str:
    if not manifest.accuracy:
        return "Not measured."
    rows = (
        (
            *(a.dataset, a.split, a.precision, a.metric),
            *(f"{a.value:.4f}", _interval(a), str(a.n), a.protocol),
        )
        for a in manifest.accuracy
    )
    head = ("data", "split", "numbers", "metric", "value", "95 % interval", "images", "how")
    lines = [_table(head, rows)]
    if ways := dict.fromkeys(a.interval for a in manifest.accuracy if a.interval):
        lines.append(f"Intervals: {'; '.join(map(str, ways))}.")
    lines += [_labels(a) for a in manifest.accuracy if a.labels]
    return "\n\n".join(lines)


def _labels(spec: AccuracySpec) -> str:
    """Label by label, what `spec` is the mean or the sum of."""
    rows = (
        (
            name,
            f"{label.value:.4f}",
            _interval(label),
            "" if label.auc is None else f"{label.auc:.4f}",
            str(label.support),
        )
        for name, label in spec.labels.items()
    )
    what = "recall" if spec.metric == "accuracy" else spec.metric.removeprefix("mean ")
    head = ("label", what, "95 % interval", "AUC", "positives")
    return f"{spec.dataset}, {spec.split}, {spec.precision}:\n\n{_table(head, rows)}"


def _interval(figure: AccuracySpec | LabelAccuracy) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:.4f} to {figure.high:.4f}"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _files(manifest: Manifest) -> str:
    rows = []
    for artifact in manifest.artifacts:
        parity = artifact.parity
        unmeasured = "not measured" if artifact.delegate is None else "not run here"
        close = unmeasured if parity is None else f"{parity.max_abs_difference:.1e}"
        shape: str = artifact.layout if artifact.input == "tensor" else "image"
        if artifact.io_dtype == "int8":
            shape += ", int8"
        size = f"{artifact.bytes / 1e6:.2f} MB"
        rows.append((f"`{artifact.file}`", artifact.format, artifact.precision, shape, size, close))
    head = ("file", "format", "precision", "input", "size", "largest difference of a score")
    return _table(head, rows)


def _agreements(agreements: Sequence[Agreement]) -> str:
    """A table of the int8 files, two by two; nothing where there are not two."""
    if not agreements:
        return ""
    head, *rows = agreement_rows(agreements)
    text = "Files of integers beside one another, scores and decisions on the same pictures:"
    return f"\n\n{text}\n\n{_table(head, rows)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )
