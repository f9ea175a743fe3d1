"""What every face of a picture shows: `python photo.py PICTURE`."""

import sys

from mf2_edge import FaceStateAnalyzer


def main(picture: str) -> None:
    """Print a line for each face, the largest first."""
    faces = FaceStateAnalyzer().predict(picture)
    if not faces:
        print("no face found")
    for face in faces:
        units, box = " ".join(face.present_units), face.box
        print(f"{face.emotion.label} ({face.emotion.score:.2f}), {units or 'no unit'}, "
              f"at {box.x:.0f},{box.y:.0f}, {box.width:.0f} px wide")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
