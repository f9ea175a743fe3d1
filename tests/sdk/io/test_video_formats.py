"""Videos as they come out of cameras, editors and tapes: what is analysed is what players show."""

from __future__ import annotations

import sys
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mf2_edge import VideoError
from mf2_edge.cli.main import main
from mf2_edge.errors import MissingExtraError
from mf2_edge.io import network_stream, video_file
from mf2_edge.io.video import VideoSource
from tests.helpers.films import bars, copied_from, encode, song_with_cover, woven
from tests.helpers.make_tiny_bundle import FOLDER

TINY = ["--bundle", str(FOLDER), "--runtime", "litert"]


def frames_of(path: Path) -> tuple[list[NDArray[np.uint8]], list[float]]:
    with VideoSource(path) as source:
        pairs = list(source)
    return [frame for frame, _ in pairs], [time_ms for _, time_ms in pairs]


def comb(picture: NDArray[np.uint8]) -> float:
    """How much rows differ from both their neighbours."""
    grey = picture.mean(2)
    return float(np.abs(grey[:-2] + grey[2:] - 2 * grey[1:-1]).mean())


def test_interlaced_frames_are_deinterlaced(tmp_path: Path) -> None:
    frames = woven(bars(16))
    options = {"flags": "+ildct+ilme", "b": "4M"}
    tape = encode(tmp_path / "tape.mpg", frames, "mpeg2video", options=options)
    with av.open(str(tape)) as file:
        assert next(file.decode(video=0)).interlaced_frame
    shown, times = frames_of(tape)
    assert times == pytest.approx([40 * i for i in range(8)], abs=0.1)
    for picture, frame in zip(shown[1:-1], frames[1:-1], strict=True):
        assert comb(picture) < 0.25 * comb(frame)


def test_one_interlaced_video_after_another_shows_nothing_of_the_first(tmp_path: Path) -> None:
    dark = [np.full((576, 720, 3), 40, np.uint8)] * 3
    light = [np.full((576, 720, 3), 200, np.uint8)] * 3
    for pictures, name, level in ((light, "a.avi", 200), (dark, "b.avi", 40)):
        shown, _ = frames_of(encode(tmp_path / name, pictures, "dvvideo"))
        assert [round(float(picture.mean())) for picture in shown] == pytest.approx(
            [level] * 3, abs=3
        )


def test_pixels_are_made_square_and_pictures_upright(tmp_path: Path) -> None:
    squeezed = encode(tmp_path / "pal.mp4", bars(2, 90, 64), aspect=Fraction(64, 45))
    shown, _ = frames_of(squeezed)
    assert shown[0].shape == (64, 128, 3)
    for rotation in (90, 180, -90):
        turned = encode(tmp_path / f"turned{rotation}.mp4", bars(2), rotation=rotation)
        shown, _ = frames_of(turned)
        expected = cv2.VideoCapture(str(turned)).read()[1]  # another reader of the same matrix
        assert shown[0].shape == expected.shape
        assert np.abs(shown[0].astype(int) - expected).mean() < 4


def test_an_absurd_aspect_ratio_is_left_alone(tmp_path: Path) -> None:
    odd = encode(tmp_path / "odd.mp4", bars(2), aspect=Fraction(200, 1))
    assert frames_of(odd)[0][0].shape == (64, 96, 3)


def test_headers_that_count_otherwise_are_no_damage(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.mp4", bars(20), options={"g": "12", "bf": "2"})
    for film, count in (
        (copied_from(whole, tmp_path / "edit.mp4", 0.3), 12),
        (encode(tmp_path / "b.avi", bars(20), "mpeg4", options={"bf": "2"}), 20),
    ):
        _, times = frames_of(film)
        assert times == pytest.approx([40 * i for i in range(count)], abs=0.1)


def test_a_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    whole = encode(tmp_path / "whole.avi", bars(20), "mjpeg")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(VideoError, match="the file is cut off or damaged"):
        frames_of(whole)


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    _, jpeg = cv2.imencode(".jpg", bars(1)[0])
    with pytest.raises(VideoError, match="no moving picture"):
        VideoSource(song_with_cover(tmp_path / "song.mp3", jpeg.tobytes()))


def test_a_playlist_of_addresses_is_not_followed(tmp_path: Path) -> None:
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with serving(Server) as port:
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1,"]
        playlist = tmp_path / "film.m3u8"
        playlist.write_text("\n".join([*lines, f"http://127.0.0.1:{port}/a.ts", "#EXT-X-ENDLIST"]))
        with pytest.raises(VideoError):
            frames_of(playlist)
    assert asked == []


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = encode(tmp_path / "film.mp4", bars(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"mf2-edge\[video\]"):
        VideoSource(film)


def test_every_third_frame(tmp_path: Path) -> None:
    film = encode(tmp_path / "film.mp4", bars(10))
    with VideoSource(film, every=3) as source:
        assert [time_ms for _, time_ms in source] == pytest.approx([0, 120, 240, 360], abs=0.1)
    jsonl = tmp_path / "out.jsonl"
    assert main(["watch", str(film), "--every", "3", "--jsonl", str(jsonl), *TINY]) == 0
    assert [line.split(",")[0] for line in jsonl.read_text().splitlines()] == [
        f'{{"frame": {number}' for number in (0, 3, 6, 9)
    ]


def test_pictures_of_a_folder_are_frames_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, level in ((10, 200), (2, 100), (1, 50)):
        Image.new("RGB", (32, 24), (level,) * 3).save(tmp_path / f"f{number}.png")
    Image.new("RGB", (32, 24), "white").save(tmp_path / "other.png")
    (tmp_path / "notes.txt").write_text("no picture")
    for source, levels in ((tmp_path / "f%d.png", [50, 100, 200]), (tmp_path / "f1*", [50, 200])):
        frames, times = frames_of(source)
        assert [int(frame[0, 0, 0]) for frame in frames] == levels
        assert times == [40.0 * i for i in range(len(levels))]
    assert len(frames_of(tmp_path)[0]) == 4
    with pytest.raises(VideoError, match="no picture there"):
        VideoSource(tmp_path / "g%d.png")
    before = (tmp_path / "f1.png").read_bytes()
    assert main(["watch", str(tmp_path), "--jsonl", str(tmp_path / "f1.png"), *TINY]) == 2
    assert (tmp_path / "f1.png").read_bytes() == before


def test_annotated_videos_keep_size_times_and_sound_and_play_everywhere(tmp_path: Path) -> None:
    pictures = [np.pad(p, ((1, 0), (0, 0), (0, 0))) for p in bars(8)]  # an odd side
    film = encode(tmp_path / "film.mkv", pictures, "ffv1", sound=True)
    for name in ("out.mp4", "out.mkv"):
        assert main(["watch", str(film), "--annotate", str(tmp_path / name), *TINY]) == 0
        with av.open(str(tmp_path / name)) as file:
            video, sound = file.streams.video[0], file.streams.audio[0]
            assert (video.codec_context.name, video.width, video.height) == ("h264", 96, 66)
            assert sound.codec_context.name == "aac"
            ticks = sum(p.duration or 0 for p in file.demux(sound) if p.dts is not None)
            assert float(ticks * (sound.time_base or 0)) == pytest.approx(0.32, abs=0.26)
        assert frames_of(tmp_path / name)[1] == pytest.approx([40 * i for i in range(8)], abs=1)


def test_a_container_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = encode(tmp_path / "film.mp4", bars(2))
    assert main(["watch", str(film), "--annotate", str(tmp_path / "out.gif"), *TINY]) == 1
    assert "unknown kind of video; expected a name like out.mp4" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


class serving:  # noqa: N801 - a context manager
    """A server on the loopback address, in a thread; gives its port."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        handler.log_message = lambda *_: None  # type: ignore[method-assign]
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> int:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_camera_of_http_is_live_and_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[Any] = []

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            connections.append(self.path)
            if len(connections) > 2:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for picture in bars(12):
                jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")

    monkeypatch.setattr(network_stream, "PAUSES_S", (0.01, 0.02))
    monkeypatch.setattr(video_file, "TIMEOUT_S", 5.0)
    taken: list[float] = []
    with serving(Camera) as port, VideoSource(f"http://127.0.0.1:{port}/") as source:
        assert source.live
        with pytest.raises(VideoError, match="still connected"):
            taken.extend(time_ms for _, time_ms in source)
    assert len(connections) == 4  # two that gave frames, two tries in vain
    assert source.read > 12
    assert len(taken) + source.dropped == source.read
    assert taken == sorted(taken)
