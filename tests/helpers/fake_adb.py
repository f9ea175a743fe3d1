"""A stand-in for `adb` and the phone behind it, told what to be by a JSON file.

Behaves as Android's adb does as far as the bench goes: the list of devices, states, pushes into a
folder that stands for the phone's disk, `getprop`, `dumpsys`, and the two runners. The phone can
vanish after so many commands, be locked, or grow hot.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["FAKE_ADB"])


def main(arguments: list[str]) -> int:
    phone = json.loads(STATE.read_text())
    if arguments == ["devices"]:
        rows = [f"{serial}\t{state}\n" for serial, state in phone["devices"].items()]
        sys.stdout.write("List of devices attached\n" + "".join(rows) + "\n")
        return 0
    assert arguments[0] == "-s"
    serial, verb, *rest = arguments[1:]
    phone["commands"] = phone.get("commands", 0) + 1
    STATE.write_text(json.dumps(phone))
    if phone["commands"] > phone.get("vanishes_after", 10**9):
        sys.stderr.write(f"adb: device '{serial}' not found\n")
        return 1
    if verb == "push":
        source, target = rest
        place = disk() / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(Path(source).read_bytes())
        sys.stdout.write(f"{source}: 1 file pushed, 0 skipped.\n")
        return 0
    return shell(phone, rest)


def disk() -> Path:
    return STATE.parent / "disk"


def shell(phone: dict[str, Any], words: list[str]) -> int:
    if words[0] == "getprop":
        sys.stdout.write(phone["properties"].get(words[1], "") + "\n")
    elif words[:2] == ["dumpsys", "power"]:
        sys.stdout.write(f"  mWakefulness={'Asleep' if phone.get('locked') else 'Awake'}\n")
    elif words[:2] == ["dumpsys", "window"]:
        sys.stdout.write(f"    showing={str(bool(phone.get('locked'))).lower()}\n")
    elif words[:2] == ["dumpsys", "thermalservice"]:
        statuses = phone.get("thermal", [0])
        sys.stdout.write(f"IsStatusOverride: false\nThermal Status: {statuses[0]}\n")
        phone["thermal"] = statuses[1:] or statuses
        STATE.write_text(json.dumps(phone))
    elif words[:2] == ["dumpsys", "battery"]:
        sys.stdout.write("Current Battery Service state:\n  AC powered: false\n  level: 81\n")
    elif words[:2] == ["settings", "get"]:
        sys.stdout.write(f"{int(phone.get('low_power', False))}\n")
    elif words[0] in ("mkdir", "chmod", "rm"):
        pass
    elif words[0].endswith("/runner"):
        return run(phone, dict(w.lstrip("-").split("=", 1) for w in words[1:] if "=" in w))
    else:
        sys.stdout.write(f"/system/bin/sh: {words[0]}: inaccessible or not found\n")
        return 127
    return 0


def run(phone: dict[str, Any], options: dict[str, str]) -> int:
    model = disk() / options.get("graph", options.get("model_path", "")).lstrip("/")
    if not model.is_file():
        sys.stdout.write(f"ERROR: Could not open '{model}'.\n")
        return 1
    us = phone.get("us", 1500)
    if "graph" in options:
        sys.stdout.write(
            "INFO: STARTING!\n"
            f"INFO: Initialized session in {us / 500}ms.\n"
            f"INFO: count=20 first={3 * us} curr={us} min={us} max={3 * us} avg={2 * us} std=9 "
            f"p5={us} median={2 * us} p95={2 * us}\n\n"
            f"INFO: count={options['num_runs']} first={us} curr={us} min={us} max={2 * us} "
            f"avg={1.1 * us:g} std=21 p5={us} median={us} p95={2 * us}\n\n"
            f"INFO: Inference timings in us: Init: {2 * us}, First inference: {3 * us}, "
            f"Warmup (avg): {2 * us:g}, Inference (avg): {1.1 * us:g}\n"
            "INFO: Overall peak memory footprint (MB) via periodic monitoring: 9.5\n"
        )
    else:
        times = int(options["num_executions"])
        sys.stdout.write(
            f"I 00:00:00.1 executorch:executor_runner.cpp:400] Model executed successfully {times} "
            f"time(s) in {times * us / 1e3:f} ms.\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
