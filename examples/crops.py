"""Faces that another detector cut out: `python crops.py CROP...`, one face a picture.

Leave a margin of about a third around the face: the landmarks are looked for in the crop.
"""

import sys

from mf2_edge import FaceStateAnalyzer


def main(paths: list[str]) -> None:
    """Print the emotion of each crop, and whether its landmarks were found."""
    states = FaceStateAnalyzer().predict_crops(paths)
    for path, state in zip(paths, states, strict=True):
        print(f"{path}: {state.emotion.label} ({state.emotion.score:.2f}), {state.status}")


if __name__ == "__main__":
    main(sys.argv[1:])
