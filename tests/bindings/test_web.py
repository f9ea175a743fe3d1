"""The web binding in real headless Chromium: goldens, real faces, bad input, the demo page.

Everything runs in one browser session; the tests look at its answers.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bindings.web import check, quick_start
from bindings.web.check import HERE, Answers
from bindings.web.pages_data import CROPS, REAL_FACES
from tests.helpers.bindings.fuzz_cases import Round, check_rounds
from tests.helpers.bindings.replay import answer_of_web, check_answers_of_toy, write_report

ROOT = Path(__file__).parents[2]
MISSING = check.missing_tools()

needs_browser = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    check.build()
    return check.check(tmp_path_factory.mktemp("web"), turns=15)


@pytest.mark.parametrize(
    "command",
    [
        ["bindings.web.generate_types", "--check"],
        ["bindings.goldens", "--check"],
        ["bindings.goldens_finder", "--check"],
        ["bindings.conformance", "--check"],
    ],
    ids=lambda command: command[0],
)
def test_generated_files_are_fresh(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_lock_file_names_no_host() -> None:
    lock = (HERE / "package-lock.json").read_text()
    assert '"integrity"' in lock
    assert "resolved" not in lock
    assert "://" not in lock


@needs_browser
@pytest.mark.slow
def test_every_stage_reproduces_its_goldens(answers: Answers) -> None:
    made = check.conformance(answers)
    write_report("web", made)
    stages = made["stages"]
    assert {stage["outcome"] for stage in stages.values()} == {"passed"}, stages
    # Channels first, and outputs whose order in the file is not the manifest's.
    for figures in answers.pages["tiny"].values():
        assert figures["max_difference"] <= figures["tolerance"]


@needs_browser
@pytest.mark.slow
def test_every_head_is_decoded_and_smoothed_as_in_python(answers: Answers) -> None:
    check_answers_of_toy([answer_of_web(told) for told in answers.pages["heads"]])
    figures = answers.pages["heads_smooth"]["smooth"]
    assert figures["max_difference"] <= figures["tolerance"]


@needs_browser
@pytest.mark.slow
@pytest.mark.usefixtures("answers")  # the package is built
def test_made_up_cases_are_answered_as_in_python_by_node(fuzz_rounds: list[Round]) -> None:
    def told(folder: Path) -> Any:
        command = ["node", "test/node_replay.mjs", str(folder)]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    check_rounds("web", fuzz_rounds, told)


@needs_browser
@pytest.mark.slow
def test_the_types_of_errors_of_manifests(answers: Answers) -> None:
    refused = [verdict for verdict in answers.pages["manifests"] if verdict is not None]
    assert len(refused) > 200
    assert {verdict["name"] for verdict in refused} == {"ManifestError"}
    assert all(verdict["message"].startswith("case: ") for verdict in refused)


@needs_browser
@pytest.mark.slow
def test_real_faces_get_the_same_decisions_as_in_python(answers: Answers) -> None:
    if REAL_FACES.exists():
        assert len(answers.expected.crops) == CROPS
    found = [decisions(state) for state in answers.pages["crops"]]
    assert found == [decisions(state) for state in answers.expected.crops]
    if not REAL_FACES.exists():
        pytest.skip(f"{len(found)} crops of the sample agree; {REAL_FACES.name} is not here")


@needs_browser
@pytest.mark.slow
def test_the_portrait_in_every_form(answers: Answers) -> None:
    forms = dict(answers.pages["portrait"])
    assert forms.pop("nobody") == []
    assert forms.pop("clear") == []  # and not the face of the picture before it
    [boxed] = forms.pop("boxed")
    assert decisions(boxed)["emotion"] == ("happiness", "confident")
    for [state] in forms.values():
        assert decisions(state) == decisions(answers.expected.portrait[0])
        assert state["box"] == pytest.approx(answers.expected.portrait[0]["box"], abs=0.5)


@needs_browser
@pytest.mark.slow
def test_a_film_gives_the_same_states_and_events_as_in_python(answers: Answers) -> None:
    film = answers.pages["film"]
    tracks = [[state["track_id"] for state in states] for states in film["states"]]
    known = [[state["track_id"] for state in states] for states in answers.expected.film]
    assert tracks == known
    assert tracks[8:10] == [[1, 2], [1]]
    assert tracks[18:20] == [[1], [1, 3]]  # found by two searches
    for found, expected in zip(film["states"], answers.expected.film, strict=True):
        assert [decisions(state) for state in found] == [decisions(state) for state in expected]
        for one, other in zip(found, expected, strict=True):
            for part in ("box", "head_pose", "quality"):
                assert one[part] == pytest.approx(other[part], abs=1e-6)
    assert {event["kind"] for event in film["events"]} == {"onset", "apex", "offset"}
    for event, told in zip(film["events"], answers.expected.events, strict=True):
        assert event == told | {"score": pytest.approx(told["score"], abs=1e-6)}
    assert film["mistakes"] == ["TimestampError", "TimestampError", "track 1"]


@needs_browser
@pytest.mark.slow
def test_the_known_face_in_the_camera(answers: Answers) -> None:
    for loop in ("loop", "loop_threads"):
        [face] = answers.pages[loop]["faces"]
        present = {unit for unit, state in face["action_units"].items() if state["present"]}
        assert face["emotion"]["label"] == "happiness"
        assert present == {"AU6", "AU12", "AU25"}


@needs_browser
@pytest.mark.slow
def test_the_page_goes_on_while_the_worker_works(answers: Answers) -> None:
    loop = answers.pages["loop"]
    # A page that did the work itself would pause as long as a frame takes.
    assert np.median(loop["pulses"]) < np.median(loop["milliseconds"]) / 2


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "answer"),
    [
        ("no bundle", "BundleError: .*404"),
        ("damaged model", "ChecksumError: .*sha256"),
        ("truncated model", "ChecksumError: .*bytes, expected"),
        ("no model", "BundleError: tiny.tflite: LiteRT.js cannot load"),
        ("newer schema", "ManifestError: .*newer mf2-edge"),
        ("wrong model.json", r"ManifestError: .*unknown key.*heads\.0\.lables"),
        ("labels that do not fit", "ManifestError: .*16 values, and has 17"),
        ("no such precision", "BundleError: .*holds no tflite artifact of precision"),
        ("no assets", "RuntimeUnavailableError: .*assets"),
        ("other origin", "RuntimeUnavailableError: .*own origin"),
        ("no threads", "built-in RangeError: numThreads is 0"),
        ("no face", "built-in RangeError: minFace is 0"),
        ("fast and small", "built-in RangeError: minFace and fast"),
        ("no faces", "built-in RangeError: maxFaces is 0"),
        ("beyond sure", "built-in RangeError: minDetectionScore is 1.5"),
        ("video without a frame", "FrameError: .*playing"),
        ("image without a file", "FrameError: .*decode"),
        ("closed bitmap", "FrameError: .*closed"),
        ("one pixel", "FrameError: frame is 1 x 64 px"),
        ("a string", "FrameError: frame is String"),
        ("nothing", "FrameError: frame is Null"),
        ("no picture", "FrameError: frame cannot be read"),
        ("empty canvas", "FrameError: frame is 1 x 1 px"),
        ("another site's image", "FrameError: the picture comes from another site.*CORS"),
        ("a canvas with it", "FrameError: the picture comes from another site.*CORS"),
        ("box outside", "BoxError: .*outside the frame of 64 x 64 px"),
        ("box without size", "BoxError: .*positive"),
        ("box of NaN", "BoxError: .*finite"),
        ("wrong input", "InferenceError: the input holds 5 numbers"),
        ("pending when closed", "RuntimeUnavailableError: the analyzer was closed"),
        ("closed analyzer", "RuntimeUnavailableError: the analyzer was closed"),
        ("afterwards", "0 faces"),
    ],
)
def test_bad_input_gets_a_typed_error(answers: Answers, mistake: str, answer: str) -> None:
    said = answers.pages["mistakes"][mistake]
    assert re.match(answer, said), said


@needs_browser
@pytest.mark.slow
def test_the_demo_page(answers: Answers) -> None:
    demo = answers.pages["demo"]
    assert demo["errors"] == answers.pages["errors"] == []
    assert demo["models"][0].startswith("mf2-edge-base, fp32")
    assert demo["emotion"] == "happiness"
    assert [unit.split()[0] for unit in demo["units"]] == ["AU6", "AU12", "AU25"]
    assert demo["faces"] == "1"
    assert all(figure[0].isdigit() for figure in demo["figures"])
    assert len(demo["cameras"]) == 1
    assert demo["timeline"] > 0.01
    assert demo["overlay"] > 0.001
    assert (demo["mirrored"], demo["unmirrored"]) == ("matrix(-1, 0, 0, 1, 0, 0)", "none")
    assert demo["light"] != demo["dark"]
    assert demo["phone_overflow"] == 0
    assert demo["photo"] == "happiness"


@needs_browser
@pytest.mark.slow
def test_the_demo_asks_the_network_for_nothing_once_it_runs(answers: Answers) -> None:
    assert answers.pages["demo"]["requests"] == []


@needs_browser
@pytest.mark.slow
def test_a_camera_that_is_denied_absent_or_unplugged(answers: Answers) -> None:
    assert answers.pages["denied"]["title"] == "The camera is blocked"
    assert answers.pages["none"]["title"] == "No camera found"
    assert answers.pages["demo"]["unplugged"] == "The camera is gone"
    # One key press starts again.
    assert answers.pages["demo"]["focus"] == "start"
    for page in ("denied", "none"):
        assert answers.pages[page]["errors"] == []
        assert answers.pages[page]["overflow"] == 0


@needs_browser
@pytest.mark.slow
def test_the_quick_start_shows_a_face(answers: Answers) -> None:
    assert answers.pages["quick_start"] == "happiness: AU6 AU12 AU25"


@needs_browser
@pytest.mark.slow
def test_our_own_code_is_small_and_shakes_down(answers: Answers) -> None:
    sizes = answers.pages["sizes"]
    assert 10_000 < sizes["page"] + sizes["worker"] < 60_000
    assert sizes["one_stage"] < 1_000


@needs_browser
@pytest.mark.slow
def test_what_npm_packs_is_the_library_with_its_licence(answers: Answers) -> None:
    assert answers.pages  # built
    command = ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True)
    [packed] = json.loads(done.stdout)
    names = {file["path"] for file in packed["files"]}
    top = {"LICENSE", "NOTICE", "README.md", "package.json"}
    library = {"index.js", "index.d.ts", "mf2-edge.js", "assets/worker.js"}
    assert names >= top | {f"dist/lib/{name}" for name in library}
    assert {name.split("/")[0] for name in names} == top | {"dist"}
    assert not any("models" in name or name.startswith("dist/demo") for name in names)
    told = json.loads((HERE / "package.json").read_text())
    entries = [each for each in told["exports"].values() if isinstance(each, dict)]
    for path in (told["main"], told["types"], *(p for each in entries for p in each.values())):
        assert path.removeprefix("./") in names


@needs_browser
@pytest.mark.slow
def test_the_code_compiles_strictly(answers: Answers, tmp_path: Path) -> None:
    """Demo, the tests' page, README's TypeScript against the package; the React Native example."""
    for number, block in enumerate(quick_start.blocks("ts")):
        (tmp_path / f"block{number}.ts").write_text(block)
    assert list(tmp_path.glob("*.ts"))
    react_native = ROOT / "examples/react-native/src/mf2Edge.ts"
    shutil.copy(react_native, tmp_path)
    (tmp_path / "react-native.d.ts").write_text(
        'declare module "react-native" {\n  export interface TurboModule {}\n'
        "  export const TurboModuleRegistry: "
        "{ getEnforcing<T extends TurboModule>(name: string): T };\n}\n"
    )
    (tmp_path / "tsconfig.json").write_text(
        json.dumps(
            {
                "extends": str(HERE / "tsconfig.json"),
                "compilerOptions": {
                    "noEmit": True,
                    "rootDir": "/",
                    "paths": {"mf2-edge": [str(HERE / "dist" / "lib" / "index.d.ts")]},
                },
                "include": ["*.ts"],
            }
        )
    )
    for project in (tmp_path, HERE / "tsconfig.pages.json"):
        done = subprocess.run(
            ["node", "node_modules/typescript/bin/tsc", "-p", str(project)],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@needs_browser
@pytest.mark.slow
@pytest.mark.usefixtures("answers")  # it installs the formatter
def test_the_code_is_formatted() -> None:
    command = ["node", "node_modules/prettier/bin/prettier.cjs", "--check", "."]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def in_firefox(answers: Answers) -> Answers:
    if check.firefox() is None:
        pytest.skip("Firefox is not installed: apt-get install firefox-esr")
    return check.check_in_firefox(answers)


@needs_browser
@pytest.mark.slow
def test_firefox_answers_as_chromium_does(answers: Answers, in_firefox: Answers) -> None:
    pages = in_firefox.pages
    assert "Firefox" in pages["agent"]
    assert (pages["isolated"], pages["errors"]) == (True, [])
    stages = check.conformance(in_firefox)["stages"]
    assert {stage["outcome"] for stage in stages.values()} == {"passed"}, stages
    found = [decisions(state) for state in pages["crops"]]
    assert found == [decisions(state) for state in answers.expected.crops]
    for states, expected in zip(pages["film"]["states"], answers.expected.film, strict=True):
        assert [decisions(state) for state in states] == [decisions(state) for state in expected]
    kinds = [
        {mistake: said.partition(":")[0] for mistake, said in each.pages["mistakes"].items()}
        for each in (answers, in_firefox)
    ]
    assert kinds[0] == kinds[1]


def decisions(state: dict[str, Any]) -> dict[str, Any]:
    """What a state decides, its scores and positions left out."""
    return {
        "emotion": (state["emotion"]["label"], state["emotion"]["reason"]),
        "status": state["status"],
    } | {label: (unit["present"], unit["reason"]) for label, unit in state["action_units"].items()}
