"""The cost model: how wrong it is, that the interval comes from there, and whose name it bears."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mf2_edge.bench.errors import BenchError, UnknownDeviceError
from mf2_edge.bench.estimate.cost_model import (
    FARTHEST,
    FEATURES,
    features,
    figures_of,
    fit_cost_model,
)
from mf2_edge.bench.estimate.devices import find_device, known_devices
from mf2_edge.bench.estimate.estimate import estimate
from mf2_edge.bench.estimate.graph_work import Work
from mf2_edge.bench.estimate.published import Figure, published_figures, reference_workload
from mf2_edge.bench.report import Report
from mf2_edge.bundle.loader import list_bundles, load_bundle
from tests.bench.bench_command import main

KINDS = sorted(
    kind
    for kind in {(f.device, f.format, f.precision) for f in published_figures()}
    if len(figures_of(*kind)) >= 8
)


FLOATS = [kind for kind in KINDS if kind[2] != "int8"]


def test_phones_of_both_kinds_are_modelled() -> None:
    assert {kind[:2] for kind in FLOATS} >= {("galaxy-s24", "tflite"), ("iphone-13", "coreml")}


@pytest.mark.parametrize("kind", FLOATS, ids="-".join)
def test_the_error_with_a_network_left_out_is_at_most_a_quarter(kind: tuple[str, ...]) -> None:
    fitted = fit_cost_model(figures_of(*kind))  # type: ignore[arg-type]
    assert fitted.median_error <= 0.25
    assert (fitted.coefficients >= 0).all()


def test_a_model_that_is_wrong_makes_no_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies that have nothing to do with the work."""
    wild = tuple(
        msgspec.structs.replace(figure, device="pixel-8", ms=ms)
        for figure, ms in zip(
            figures_of("galaxy-s24", "tflite", "fp32"), (1, 90, 2, 70, 1, 80, 1, 99), strict=False
        )
    )
    monkeypatch.setattr("mf2_edge.bench.estimate.cost_model.published_figures", lambda: wild)
    monkeypatch.setattr("mf2_edge.bench.estimate.estimate.published_figures", lambda: wild)
    bundle = load_bundle(None)
    assert not fit_cost_model(wild).is_usable
    with pytest.raises(BenchError, match="Pixel 8: no estimate: it takes 8 published figures"):
        estimate(bundle, bundle.manifest.artifacts, find_device("pixel-8"))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_the_interval_covers_the_networks_that_were_left_out(kind: tuple[str, ...]) -> None:
    fitted = fit_cost_model(figures_of(*kind))  # type: ignore[arg-type]
    middle, low, high = fitted.predict(reference_workload()[fitted.left_out[0].network])
    factor = high / middle
    assert low == pytest.approx(middle / factor)
    within = [
        each.published_ms / factor <= each.predicted_ms <= each.published_ms * factor
        for each in fitted.left_out
    ]
    assert np.mean(within) >= 0.9 - 1e-9 or all(within)


def test_a_network_is_judged_by_the_others_alone() -> None:
    """A wild figure spoils its own prediction not at all, and the others' much."""
    figures = figures_of("galaxy-s24", "tflite", "fp32")
    wild = [msgspec.structs.replace(figures[0], ms=figures[0].ms * 50), *figures[1:]]
    before, after = fit_cost_model(figures), fit_cost_model(wild)
    assert after.left_out[0].predicted_ms == pytest.approx(before.left_out[0].predicted_ms)
    assert any(
        a.predicted_ms != pytest.approx(b.predicted_ms)
        for a, b in zip(after.left_out[1:], before.left_out[1:], strict=True)
    )


def test_latencies_that_follow_the_model_are_found_again() -> None:
    truth = np.array([0.3, 0.4, 2.0, 0.01, 0.02, 0.0])
    figures = []
    for figure in figures_of("galaxy-s24", "tflite", "fp32"):
        work = reference_workload()[figure.network]
        ms = float(features(work) @ truth)
        figures.append(msgspec.structs.replace(figure, ms=ms))
    fitted = fit_cost_model(figures)
    assert fitted.median_error < 1e-6
    assert fitted.coefficients == pytest.approx(truth, abs=1e-6)


def test_every_figure_names_its_page_and_a_known_device() -> None:
    names = {device.name for device in known_devices()}
    for figure in published_figures():
        assert figure.device in names
        assert re.match(r"https://(github\.com|arxiv\.org)/", figure.source)
    keys = [(f.device, f.network, f.format, f.precision, f.source) for f in published_figures()]
    assert len(set(keys)) == len(keys)


def test_work_of_networks_is_what_their_papers_count() -> None:
    """Multiply-adds in millions, as the papers of the networks give them."""
    papers = {"mobilenet_v2@224": 300, "resnet18@224": 1814, "mobilenet_v3_small@224": 56}
    for network, millions in papers.items():
        assert reference_workload()[network].macs / 1e6 == pytest.approx(millions, rel=0.03)


def test_an_estimate_says_so_and_how_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    bundle = load_bundle(None)
    reports = estimate(bundle, bundle.manifest.artifacts, find_device("galaxy-s24"))
    told = [report for report in reports if report.provenance == "estimated"]
    assert told
    for report in told:
        assert report.network is not None
        assert report.network.low is not None
        assert report.network.high is not None
        assert 0 < report.network.low < report.network.p50 < report.network.high
        assert report.network.queries == 0
        assert (report.load_ms, report.peak_memory_mb, report.stages) == (None, None, {})
        assert any(note.startswith("to measure: ") for note in report.notes)
        assert "median error" in report.method
    for report in reports:
        if report not in told:
            assert (report.provenance, report.network) == ("no-estimate", None)
            assert report.method.startswith("no cost model for ")
    assert main(["--device", "galaxy-s24", "--bundle", "mf2-edge-base"]) == 0
    table = capsys.readouterr().out.splitlines()
    rows = [line for line in table if re.match(r"mf2-edge-base +(tflite|executorch) \w+ ", line)]
    assert len(rows) == len(reports)
    assert all(("~" in row) == row.endswith(" estimated") for row in rows)


def test_every_file_that_runs_on_the_device_has_a_row_with_its_accuracy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--device", "iphone"]) == 0
    out = capsys.readouterr().out
    for name in list_bundles():
        bundle = load_bundle(name)
        for artifact in bundle.manifest.artifacts:
            row = re.search(rf"^{name} +{artifact.format} {artifact.precision} ", out, re.MULTILINE)
            assert (row is not None) == (artifact.format in ("coreml", "executorch"))
        first = bundle.manifest.accuracy[0]
        assert f"{first.dataset}, {first.split}: {first.metric} (n = {first.n:,})" in out


def test_several_devices_show_all_bundles_and_no_file_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, told = tmp_path / "page.html", tmp_path / "reports.json"
    command = ["--device", "iphone-13", "galaxy-s24", "--html", str(page), "--json", str(told)]
    assert main(command) == 0
    reports = msgspec.json.decode(told.read_bytes(), type=tuple[Report, ...])
    assert {report.device.name for report in reports} == {"iphone-13", "galaxy-s24"}
    shipped = {a.file for name in list_bundles() for a in load_bundle(name).manifest.artifacts}
    assert {report.model.file for report in reports} <= shipped
    out = capsys.readouterr().out
    for name in list_bundles():  # estimated, or said why not
        assert name in out
    html = page.read_text()
    for device in ("iPhone 13", "Samsung Galaxy S24"):
        assert f"<h2>{device}</h2>" in html
    assert "<h1>Latency on iPhone 13 and Samsung Galaxy S24</h1>" in html
    # A desk and a phone see a picture each, of one width of text.
    assert re.findall(r'class="on-(\w+)"><svg viewBox="0 0 (\d+) ', html)[:2] == [
        ("desk", "640"),
        ("phone", "340"),
    ]
    assert len(set(re.findall(r' id="([^"]+)"', html))) == len(re.findall(r' id="[^"]+"', html))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (["--precision", "int8"], "int8 of mf2-edge-m; there is one for coreml fp16"),
        (["--format", "pte"], "no cost model for executorch"),
    ],
)
def test_what_is_asked_for_is_not_replaced(
    wish: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--device", "iphone", "--bundle", "mf2-edge-m", *wish]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize("kind", FLOATS, ids="-".join)
def test_beyond_the_fitted_range_the_interval_widens_and_then_there_is_none(
    kind: tuple[str, ...],
) -> None:
    fitted = fit_cost_model(figures_of(*kind))  # type: ignore[arg-type]
    works = [reference_workload()[figure.network] for figure in figures_of(*kind)]  # type: ignore[arg-type]
    inside = min(works, key=lambda work: fitted.predict(work)[0])
    widths = []
    for part in (1, 2, 5):
        beyond = Work(
            **{name: max(1, getattr(inside, name) // part) for name in Work.__struct_fields__}
        )
        ms, low, high = fitted.predict(beyond)
        assert 0 < low < ms < high
        widths.append(high / low)
    assert widths == sorted(widths)
    assert widths[0] == pytest.approx(fitted.factor**2)
    assert widths[-1] > 2 * widths[0]
    assert fitted.reach(inside) == 1
    huge = msgspec.structs.replace(inside, dense_macs=10**13)
    assert fitted.reach(huge) > FARTHEST
    ms, low, high = fitted.predict(huge)
    assert high > ms


def test_a_network_too_far_away_has_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle(None)
    work = next(iter(reference_workload().values()))
    far = msgspec.structs.replace(work, dense_macs=10**13)
    monkeypatch.setattr("mf2_edge.bench.estimate.estimate.network_work", lambda bundle: far)
    monkeypatch.setattr("mf2_edge.bench.estimate.estimate._work", lambda *_: far)
    reports = estimate(bundle, bundle.manifest.artifacts, find_device("galaxy-s24"))
    assert {(report.provenance, report.network) for report in reports} == {("no-estimate", None)}
    told = [report.method for report in reports if report.model.format == "tflite"]
    assert any("times beyond those fitted on in dense" in method for method in told)


def test_an_estimate_can_be_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "galaxy-s24", "--require-measured"]) == 2
    assert "refuses an estimate" in capsys.readouterr().err


def test_nothing_published_is_no_estimate() -> None:
    bundle = load_bundle(None)
    with pytest.raises(BenchError, match="Pixel 8: no estimate"):
        estimate(bundle, bundle.manifest.artifacts, find_device("pixel-8"))
    with pytest.raises(BenchError, match="no cost model for executorch fp32"):
        estimate(bundle, [bundle.select("executorch")], find_device("galaxy-s24"))
    with pytest.raises(BenchError, match="at least 8"):
        fit_cost_model(list[Figure]())


def test_a_network_unlike_all_others_is_called_so() -> None:
    fitted = fit_cost_model(figures_of("galaxy-s24", "tflite", "fp32"))
    work = next(iter(reference_workload().values()))
    huge = msgspec.structs.replace(work, dense_macs=10**13)
    assert fitted.outside(huge) == ["dense"]
    assert len(FEATURES) == len(fitted.coefficients)


def test_an_unknown_device_lists_the_known_and_suggests_the_nearest() -> None:
    with pytest.raises(
        UnknownDeviceError, match=r"; did you mean galaxy-s25\? expected one of host, iphone-12"
    ):
        find_device("galaxi-s25")
    with pytest.raises(UnknownDeviceError, match="; expected one of host"):
        find_device("zzz")
    assert find_device("iPhone 15 Pro").name == "iphone-15-pro"
    assert find_device("pixel").name == "pixel-8"
