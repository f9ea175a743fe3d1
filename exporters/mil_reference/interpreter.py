"""Image or tensor in, named outputs out."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporters.errors import MilError
from exporters.mil_reference.operators import execute
from exporters.mil_reference.reading import Program, Value, read_program

NAME: Final = "mil_reference (float16 results rounded, arithmetic float32; Core ML did not run)"
"""Engine of a comparison, as the manifest records it."""


class MilReference:
    """The program of a saved `.mlpackage`; `run` is what Core ML's prediction would be."""

    def __init__(self, package: Path) -> None:
        """Raises MilError if the package holds anything but a program with one input."""
        self.program: Program = read_program(package)

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name for an RGB image [height, width, 3].

        Raises UnknownOperatorError for an operation outside the table, MilError if the image does
        not fit or a result is not finite.
        """
        program = self.program
        if program.order is None:
            raise MilError(f"the program takes a tensor {list(program.shape)}, no image")
        _, channels, height, width = program.shape
        if image.shape != (height, width, channels) or image.dtype != np.uint8:
            raise MilError(
                f"the image is {image.dtype} {list(image.shape)}; expected uint8 "
                f"{[height, width, channels]}"
            )
        ordered = image if program.order == "RGB" else image[..., ::-1]
        return self.run_tensor(ordered.transpose(2, 0, 1)[None].astype(np.float32))

    def run_tensor(self, x: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name for the input as the program takes it, of its shape; raises as `run`."""
        import torch

        program = self.program
        if x.shape != program.shape:
            raise MilError(f"the input is {list(x.shape)}; expected {list(program.shape)}")
        tensor = torch.from_numpy(np.ascontiguousarray(x))
        values: dict[str, Value] = {**program.constants, program.input: tensor}
        with torch.inference_mode():
            for operation in program.operations:
                inputs = {key: values[name] for key, name in operation.inputs.items()}
                result = execute(operation.type, inputs)
                values[operation.output] = result.half().float() if operation.is_half else result
        return {name: _finite(name, values[name]) for name in program.outputs}


def _finite(name: str, value: Value) -> NDArray[np.float32]:
    array = np.asarray(value, dtype=np.float32)
    if not np.isfinite(array).all():
        raise MilError(f"output {name} holds NaN or infinity: a result overflows float16")
    return array
