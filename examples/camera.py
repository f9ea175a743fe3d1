"""Faces over time: `python camera.py` reads the first camera, `python camera.py VIDEO` a file.

A file takes `pip install 'mf2-edge[video]'`. It ends with the video, or with Ctrl-C.
"""

import sys
from contextlib import suppress

from mf2_edge import FaceStateAnalyzer, VideoSource


def main(source: str) -> None:
    """Print an event when an Action Unit of a face begins, is strongest, or ends."""
    stream = FaceStateAnalyzer().stream()
    with VideoSource(source) as video:
        for frame, timestamp_ms in video:
            stream.update(frame, timestamp_ms)
            for event in stream.take_events():
                print(f"{event.timestamp_ms / 1000:.2f} s  face {event.track_id}  "
                      f"{event.label} {event.kind}")  # fmt: skip


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1] if len(sys.argv) > 1 else "0")
