"""Runs a saved `.mlpackage` without Core ML: the exporter's own interpreter of its ML program.

`predict()` of coremltools exists on macOS alone. This package reads the file itself (the program
from `model.mlmodel`, the weights from `weight.bin`) and executes it operation by operation.

What it proves: that the file holds the right program, weights, layout, colours and preprocessing,
and what float16 storage costs. Each result that the program declares float16 is rounded to
float16; within an operation the arithmetic is float32. What it cannot prove: the arithmetic of
Apple's kernels, which may also add up in float16.

    reading.py      the file -> a list of operations and constants
    operators.py    what each operation computes
    integers.py     those on 8-bit integers
    interpreter.py  image in, named outputs out
"""
