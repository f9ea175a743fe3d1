"""What a stream costs and what smoothing does: `benchmarks/results/stream.json`.

    python -m benchmarks.stress.stream [--minutes 60]

- throughput: frames a second against the frame's size and the number of faces, one thread
- endurance: MINUTES of rendered video at 10 frames a second of its own time, faces moving, entering
  and leaving, as fast as it goes: memory and cost a frame at its beginning and its end
- smoothing: how much less the scores of a still face change under camera noise, and how late a
  smile is that fades in within 0.3 s between two real faces (needs faces under runs/cache)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import mf2_edge
from benchmarks.report import conditions
from distill.faces.augment import centre
from distill.faces.store import load_store
from mf2_edge import FaceStateAnalyzer
from mf2_edge.io.atomic import write_json
from mf2_edge.io.image_file import read_image
from mf2_edge.tracking.series import smooth_series
from mf2_edge.types import FaceState

Frame = NDArray[np.uint8]
PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
SIZES = ((640, 480), (1280, 720), (1920, 1080))
FACES = (1, 2, 4)
FPS = 30.0
NOISE = 4.0
"""Standard deviation of camera noise, grey levels."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--frames", type=int, default=200, help="of each throughput figure")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/stream.json"))
    options = parser.parse_args()
    analyzer = FaceStateAnalyzer()
    report = {
        "what": "streams, one thread",
        **conditions(),
        "bundle": analyzer.bundle.manifest.name,
        "bundle_sha256": analyzer.bundle.manifest_sha256,
        "seed": 0,
        "throughput": throughput(analyzer, options.frames),
        "endurance": endurance(analyzer, options.minutes),
        "smoothing": smoothing(analyzer),
    }
    write_json(options.out, report)


def throughput(analyzer: FaceStateAnalyzer, frames: int) -> list[dict[str, Any]]:
    rows = []
    for width, height in SIZES:
        for count in FACES:
            played = list(clip(width, height, count, 40))
            stream = analyzer.stream()
            times, found = [], 0
            for number in tqdm(range(frames), desc=f"{width}x{height}, {count} faces"):
                started = perf_counter()
                states = stream.update(played[number % 40], number * 1e3 / FPS, color="rgb")
                times.append(perf_counter() - started)
                found += len(states)
            rows.append(
                {
                    "width": width,
                    "height": height,
                    "faces": count,
                    "found": round(found / frames, 3),
                    "fps": round(1 / float(np.mean(times)), 1),
                    "p50_ms": round(float(np.percentile(times, 50)) * 1e3, 2),
                    "p90_ms": round(float(np.percentile(times, 90)) * 1e3, 2),
                }
            )
    return rows


def endurance(analyzer: FaceStateAnalyzer, minutes: float) -> dict[str, Any]:
    """Memory (resident) and median cost a frame over a long scene, tenth by tenth."""
    total = int(minutes * 60 * 10)
    stream, ids = analyzer.stream(), set()
    rng, memory, costs, tenth, events = np.random.default_rng(0), [], [], [], 0
    picture = portrait(400)
    for number in tqdm(range(total), desc="endurance"):
        # One crosses the scene, one comes and goes every half a minute.
        places = [(-120 + 3.0 * (number % 200), 40 + 10 * np.sin(number / 9))]
        if number // 150 % 2:
            places.append((260.0, 60.0))
        frame = noisy(scene(picture, places, 640, 480), rng)
        started = perf_counter()
        states = stream.update(frame, number * 100.0, color="rgb")
        tenth.append(perf_counter() - started)
        ids |= {state.track_id for state in states}
        events += len(stream.take_events())
        if (number + 1) % max(1, total // 10) == 0:
            memory.append(resident_mb())
            costs.append(round(float(np.median(tenth)) * 1e3, 2))
            tenth.clear()
    return {
        "minutes": minutes,
        "frames": total,
        "faces": len(ids),
        "events": events,
        "resident_mb": memory,
        "p50_ms": costs,
    }


def smoothing(analyzer: FaceStateAnalyzer) -> dict[str, Any]:
    rng, frames = np.random.default_rng(0), 200
    picture = portrait(400)
    still = scene(picture, [(120.0, 40.0)], 640, 480)
    stream, single, steady = analyzer.stream(), [], []
    for number in tqdm(range(frames), desc="still face"):
        frame = noisy(still, rng)
        single.append(scores(analyzer.predict(frame, color="rgb")[0]))
        steady.append(scores(stream.update(frame, number * 1e3 / FPS, color="rgb")[0]))
    before, after = (np.abs(np.diff(rows, axis=0)).mean() for rows in (single, steady))
    return {
        "frames": frames,
        "noise": NOISE,
        "change_single_frames": round(float(before), 5),
        "change_stream": round(float(after), 5),
        "ratio": round(float(after / before), 3),
        "smile": smile_delay(analyzer),
    }


def smile_delay(analyzer: FaceStateAnalyzer, pairs: int = 20) -> dict[str, Any] | None:
    """How much later AU12's smoothed score passes its middle than the score itself, at 60 fps."""
    folder = Path("runs/cache/rafdb")
    if not folder.is_dir():
        return None
    store, manifest = load_store(folder), analyzer.bundle.manifest
    size, column = manifest.input, manifest.head("action_units").labels.index("AU12")
    valid = store.splits == "valid"
    emotions = manifest.head("emotion").labels
    chosen = [
        np.flatnonzero(valid & (store.majority == emotions.index(name)))[:pairs]
        for name in ("neutral", "happiness")
    ]
    delays = []
    times = np.arange(0, 2000, 1e3 / 60)
    for rest, smile in zip(*chosen, strict=True):
        faces = [centre(store.images[i], size.width, size.height) for i in (rest, smile)]
        share = np.clip((times - 800) / 300, 0, 1)
        rows = [read(analyzer, blend(faces[0], faces[1], s)) for s in share]
        told, units = (np.array([row[part] for row in rows]) for part in (0, 1))
        smooth = smooth_series(manifest, times, told, units).au_scores[:, column]
        course = units[:, column]
        low, high = course[0], course[-1]
        if high - low < 0.4:  # no smile that the model sees
            continue
        middle = (low + high) / 2
        delays.append(
            float(times[np.argmax(smooth >= middle)] - times[np.argmax(course >= middle)])
        )
    return {
        "pairs": len(delays),
        "fade_ms": 300,
        "median_delay_ms": round(float(np.median(delays)), 1),
        "largest_delay_ms": round(max(delays), 1),
    }


def blend(first: Frame, second: Frame, share: float) -> Frame:
    return np.asarray(cv2.addWeighted(second, share, first, 1 - share, 0), np.uint8)


def read(analyzer: FaceStateAnalyzer, aligned: Frame) -> tuple[list[float], list[float]]:
    outputs = analyzer.runtime.run(analyzer.preprocess(np.ascontiguousarray(aligned)))
    told = analyzer.decoder.scores(outputs)
    return told.emotion[0].tolist(), told.action_units[0].tolist()


def scores(state: FaceState) -> list[float]:
    return [*state.emotion.scores.values(), *(u.score for u in state.action_units.values())]


def clip(width: int, height: int, faces: int, frames: int) -> Iterator[Frame]:
    """Faces side by side that sway a little."""
    side = min(height, width // faces)
    picture = portrait(side)
    rng = np.random.default_rng(0)
    for number in range(frames):
        sway = 8 * np.sin(number / 6)
        step = (width - side) / max(1, faces - 1)
        start = 0.0 if faces > 1 else (width - side) / 2
        places = [(start + step * i + sway, 5.0) for i in range(faces)]
        yield noisy(scene(picture, places, width, height), rng)


def portrait(side: int) -> Frame:
    smaller = cv2.resize(read_image(PORTRAIT), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)


def scene(picture: Frame, places: list[tuple[float, float]], width: int, height: int) -> Frame:
    frame = np.full((height, width, 3), 90, np.uint8)
    for x, y in places:
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
        cv2.warpAffine(
            picture, matrix, (width, height), dst=frame, borderMode=cv2.BORDER_TRANSPARENT
        )
    return frame


def noisy(frame: Frame, rng: np.random.Generator) -> Frame:
    wild: Any = np.empty(frame.shape, np.int8)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    cv2.randn(wild, np.zeros(3), np.full(3, NOISE))
    return np.asarray(cv2.add(frame, wild, dtype=cv2.CV_8U), np.uint8)


def resident_mb() -> float:
    """Of this process (Linux)."""
    fields = Path("/proc/self/statm").read_text().split()
    return round(int(fields[1]) * 4096 / 1e6, 1)


if __name__ == "__main__":
    main()
