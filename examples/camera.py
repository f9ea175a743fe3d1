"""Faces over time: `python camera.py` reads the first camera, `python camera.py VIDEO` a file.

Ends with the video, or with Ctrl-C. Nothing is stored.
"""

import sys
import time
from contextlib import suppress

import cv2

from mf2_edge import FaceStateAnalyzer


def main(source: int | str) -> None:
    """Print an event when an Action Unit of a face begins, is strongest, or ends."""
    video = cv2.VideoCapture(source)
    if not video.isOpened():
        sys.exit(f"cannot open {source}")
    stream = FaceStateAnalyzer().stream()
    start = time.monotonic()
    while True:
        read, frame = video.read()
        if not read:
            break
        if isinstance(source, str):
            timestamp_ms = video.get(cv2.CAP_PROP_POS_MSEC)
        else:
            timestamp_ms = (time.monotonic() - start) * 1000
        stream.update(frame, timestamp_ms, color="bgr")
        for event in stream.take_events():
            print(f"{event.timestamp_ms / 1000:.2f} s  face {event.track_id}  "
                  f"{event.label} {event.kind}")  # fmt: skip


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1] if len(sys.argv) > 1 else 0)
