"""An Android phone on adb: what it is, in what state, and commands that notice when it vanishes."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mf2_edge.bench.errors import PhoneError, PhoneLostError
from mf2_edge.bench.estimate.devices import device_of_model
from mf2_edge.bench.report import DeviceInfo

_GONE: Final = re.compile(
    r"device '.*' not found|device offline|no devices/emulators found|closed|device still "
    r"authorizing|protocol fault|more than one device",
    re.IGNORECASE,
)

_STATES: Final = {
    "unauthorized": "unlock it and accept this computer's key",
    "offline": "plug it in again",
    "no permissions": "let this user reach USB devices (udev rules)",
    "recovery": "start it normally",
    "sideload": "start it normally",
}

THERMAL: Final = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
"""Android's thermal status by number."""

HOT: Final = 2
"""From this status on the system slows the processor down."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One attached phone."""

    adb: str
    serial: str

    def run(self, *arguments: str, timeout: float = 120) -> str:
        """Output of an adb command on this phone.

        Raises PhoneLostError if it is gone or does not answer, PhoneError if the command failed.
        """
        command = [self.adb, "-s", self.serial, *arguments]
        try:
            done = subprocess.run(  # noqa: S603  (arguments are a list, no shell)
                command, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise PhoneLostError(
                f"phone {self.serial} did not answer for {timeout:.0f} s; plug it in again"
            ) from error
        if done.returncode == 0:
            return done.stdout
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[-1] if said else f"code {done.returncode}"
        if _GONE.search(reason):
            raise PhoneLostError(f"phone {self.serial} vanished ({reason}); plug it in again")
        raise PhoneError(f"adb {' '.join(arguments[:2])}: {reason}")

    def info(self) -> DeviceInfo:
        """What the phone says it is, under the name of the known device if it is one."""
        model = self._property("ro.product.model")
        system = f"Android {self._property('ro.build.version.release')}"
        known = device_of_model(model)
        if known is not None:
            return DeviceInfo(name=known.name, model=known.model, soc=known.soc, os=system)
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in model.lower())
        soc = self._property("ro.soc.model") or None
        return DeviceInfo(name=f"phone-{name}", model=model or self.serial, soc=soc, os=system)

    def is_locked(self) -> bool:
        """Whether the screen is off or the keyguard shown: the system then saves power."""
        power = self.run("shell", "dumpsys", "power")
        policy = self.run("shell", "dumpsys", "window", "policy")
        asleep = re.search(r"mWakefulness=(Asleep|Dozing)", power) is not None
        keyguard = re.search(r"(?:showing|mIsShowing|mShowingLockscreen)=true", policy) is not None
        return asleep or keyguard

    def thermal(self) -> int | None:
        """Thermal status, 0 (none) to 6 (shutdown); None where the system does not tell."""
        found = re.search(r"Thermal Status: (\d)", self.run("shell", "dumpsys", "thermalservice"))
        return int(found[1]) if found else None

    def battery(self) -> float | None:
        """Percent."""
        found = re.search(
            r"^\s*level: (\d+)", self.run("shell", "dumpsys", "battery"), re.MULTILINE
        )
        return float(found[1]) if found else None

    def low_power(self) -> bool | None:
        """Whether battery saver is on."""
        answer = self.run("shell", "settings", "get", "global", "low_power").strip()
        return {"0": False, "1": True}.get(answer)

    def push(self, file: Path, target: str) -> None:
        """Copy a file to the phone."""
        self.run("push", str(file), target, timeout=300)

    def _property(self, name: str) -> str:
        return self.run("shell", "getprop", name).strip()


def attached_phone(serial: str | None = None) -> Phone | None:
    """The phone on adb; None without adb or phone.

    Raises PhoneError if there are several and `serial` does not choose, or it is not authorised,
    offline or otherwise not usable: the message says what to do.
    """
    adb = shutil.which("adb")
    if adb is None:
        return None
    done = subprocess.run([adb, "devices"], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise PhoneError(f"adb devices: {done.stderr.strip() or done.returncode}; restart adb")
    rows = [line.split(maxsplit=1) for line in done.stdout.splitlines()[1:] if line.strip()]
    phones = {row[0]: row[1].strip() for row in rows if len(row) == 2}
    if serial is not None and serial not in phones:
        raise PhoneError(f"no phone {serial} on adb; attached: {', '.join(phones) or 'none'}")
    if not phones:
        return None
    if serial is None and len(phones) > 1:
        raise PhoneError(f"several phones on adb: {', '.join(phones)}; choose with --serial")
    chosen = serial or next(iter(phones))
    state = phones[chosen]
    if not state.startswith("device"):
        remedy = next((text for key, text in _STATES.items() if state.startswith(key)), "see adb")
        raise PhoneError(f"phone {chosen} is {state}: {remedy}")
    return Phone(adb, chosen)
