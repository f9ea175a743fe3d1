"""Log of a training run: lines of JSON, and curves for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter


class RunLog:
    """Values of a run by step, in `log.jsonl` and as TensorBoard events, both in its folder.

    A resumed run appends to both. Where it goes over steps again that the killed run had logged,
    the later line counts; TensorBoard drops the earlier ones by itself.
    """

    def __init__(self, folder: Path, start: int, name: str = "log") -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        self._events = SummaryWriter(str(folder / "events" / name), purge_step=start)

    def write(self, step: int, **values: float) -> None:
        """Write values after `step` steps."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self._events.add_scalar(name, value, step)
        self._events.flush()

    def close(self) -> None:
        """End the events file."""
        self._events.close()


class StepClock:
    """How many faces a second steps took, since it was asked last."""

    def __init__(self, faces: int, step: int) -> None:
        """faces: of a step; step: how many steps are done."""
        self._faces, self._step, self._then = faces, step, perf_counter()

    def faces_per_s(self, step: int) -> float:
        """By the steps from the last one asked for to this one, all that happened between them."""
        now = perf_counter()
        speed = self._faces * (step - self._step) / (now - self._then)
        self._step, self._then = step, now
        return speed
