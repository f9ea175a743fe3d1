"""MediaPipe's Face Landmarker, to be timed beside `predict`: a process in MediaPipe's environment.

    PYTHON benchmarks/peers/landmarker.py face_landmarker.task FRAMES.npy

Needs mediapipe and numpy alone. Answers each line of stdin, a number of queries, with one JSON
line: the time of each in ms, and how many frames had a face.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import cycle
from time import perf_counter


def main(task: str, frames: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # MediaPipe prints where it likes
    import mediapipe as mp
    import numpy as np
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), output_face_blendshapes=True
    )
    views = cycle([np.ascontiguousarray(frame[..., ::-1]) for frame in np.load(frames)])
    with vision.FaceLandmarker.create_from_options(options) as network:
        for line in sys.stdin:
            times, found = [], 0
            for _ in range(int(line)):
                view = next(views)
                started = perf_counter()
                answer = network.detect(mp.Image(mp.ImageFormat.SRGB, view))
                times.append((perf_counter() - started) * 1e3)
                found += bool(answer.face_landmarks)
            answers.write(json.dumps({"samples_ms": times, "found": found}) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
