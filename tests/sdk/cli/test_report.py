"""Reports: bounded, escaped, whole on a damaged video, and looked at in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.cli.main import main
from mf2_edge.report.data import MOST_PEOPLE, SPANS, ReportData
from mf2_edge.types import ActionUnitEvent, FaceState, HeadPose
from tests.helpers.clips import render
from tests.helpers.make_tiny_bundle import FOLDER, UNITS
from tests.helpers.streams import state

TINY = ["--bundle", str(FOLDER), "--runtime", "litert"]
FRAME = np.zeros((240, 320, 3), np.uint8)


def face(track_id: int, happiness: float = 0.9) -> FaceState:
    made = state({"AU12": happiness}, {"happiness": happiness})
    return FaceState(
        *(made.box, made.landmarks, made.detection_score, made.emotion, made.action_units),
        made.status,
        head_pose=HeadPose(10, -5, 3),
        track_id=track_id,
    )


def gathered() -> ReportData:
    return ReportData(load_bundle(FOLDER).manifest, UNITS, fps=25)


@pytest.mark.slow
def test_an_hour_takes_the_room_of_a_second_and_keeps_its_means() -> None:
    data = gathered()
    frames = 90_000
    for number in range(frames):
        happiness = 0.9 if number < frames // 2 else 0.1
        data.add(FRAME, number * 40.0, [face(1, happiness)], ())
    person = data.people[1]
    assert person.sums.shape[0] == SPANS
    assert person.counts.sum() == frames
    means = data.mean(person, "happiness")
    assert np.isfinite(means).all()
    assert means[:150] == pytest.approx(0.9)
    assert means[-150:] == pytest.approx(0.1)
    assert data.mean(person, "yaw") == pytest.approx(10)


def test_time_without_the_face_is_unknown_not_zero() -> None:
    data = gathered()
    for number in range(100):
        data.add(FRAME, number * 40.0, [face(1)] if number < 50 else [], ())
    means = data.mean(data.people[1], "happiness")
    half = len(means) // 2
    assert np.isfinite(means[: half - 1]).all()
    assert np.isnan(means[half + 1 :]).all()


def test_those_seen_least_make_room() -> None:
    data = gathered()
    for number in range(200):
        data.add(FRAME, number * 40.0, [face(1), face(2 + number)], ())
    assert len(data.people) == MOST_PEOPLE
    assert 1 in data.people
    assert data.left_out == 201 - MOST_PEOPLE


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    clip = render(folder / "a<b>&.mp4", 12)
    assert main(["report", str(clip), "--html", str(folder / "out.html"), *TINY]) == 0
    return (folder / "out.html").read_text()


def test_the_page_refers_to_nothing_outside_and_escapes_names(page: str) -> None:
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert "<script" not in page
    assert "<b>&.mp4" not in page
    assert "a&lt;b&gt;&amp;.mp4" in page
    assert page.count("data:image/jpeg") >= 1


def test_each_link_has_its_goal_and_each_chart_its_words(page: str) -> None:
    goals = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= goals
    assert set(re.findall(r'aria-labelledby="([^"]+)"', page)) <= goals
    for chart in re.findall(r"<svg[^>]*>", page):
        assert 'aria-hidden="true"' in chart or re.search(r'aria-label="[^"]+"', chart)
    assert all('alt="' in image for image in re.findall(r"<img[^>]*>", page))


def test_a_video_cut_short_still_has_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = render(tmp_path / "whole.avi", 20).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "cut.html"
    assert main(["report", str(tmp_path / "cut.avi"), "--html", str(out), *TINY]) == 1
    assert "<b>Incomplete.</b>" in out.read_text()
    assert "cut off or damaged" in capsys.readouterr().err


def test_events_are_listed() -> None:
    data = gathered()
    data.add(FRAME, 0, [face(1)], [ActionUnitEvent(1, "AU12", "onset", 0, 0.9)])
    assert data.event_counts["onset"] == 1


HARNESS = """<!doctype html><body><script>
addEventListener("load", () => {
  const seen = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument, root = page.documentElement;
    const color = element => frame.contentWindow.getComputedStyle(element).backgroundColor;
    return { width: root.clientWidth, needed: root.scrollWidth, paper: color(page.body),
      parts: [...page.querySelectorAll("section")].map(part => [part.id, part.offsetHeight]),
      broken: [...page.images].filter(image => !image.naturalWidth).length };
  });
  document.title = JSON.stringify(seen);
});</script>%s</body>"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium to look with")
def test_a_browser_shows_it_narrow_and_wide_light_and_dark(page: str, tmp_path: Path) -> None:
    frames = (
        f'<iframe width="{width}" height="800" style="border:0" srcdoc="{escape(page)}"></iframe>'
        for width in (360, 1280)
    )
    file = tmp_path / "harness.html"
    file.write_text(HARNESS % "".join(frames))
    papers = set()
    for scheme in ("0", "1"):
        run = subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *("--enable-logging=stderr", f"--user-data-dir={tmp_path / scheme}"),
                *(f"--blink-settings=preferredColorScheme={scheme}", file.as_uri()),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        # A request or a script of the page would break its policy, and the console would say so.
        assert "CONSOLE" not in run.stderr
        found = re.search(r"<title>(.*?)</title>", run.stdout)
        assert found is not None
        seen = json.loads(unescape(found[1]))
        assert [frame["needed"] <= frame["width"] for frame in seen] == [True, True]
        for frame in seen:
            assert {"summary", "person-1", "events", "model", "limits"} <= dict(
                frame["parts"]
            ).keys()
            assert all(height > 40 for _, height in frame["parts"])
            assert frame["broken"] == 0
        papers |= {frame["paper"] for frame in seen}
    assert len(papers) == 2
