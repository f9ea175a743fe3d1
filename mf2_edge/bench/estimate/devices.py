"""The devices that `--device` knows, from `data/devices.json`."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from mf2_edge.bench.errors import UnknownDeviceError
from mf2_edge.bench.report import DeviceInfo, Part
from mf2_edge.bundle.schema import Text

HOST: Final = "host"
"""The machine on which the bench itself runs."""

Platform = Literal["ios", "android", "linux"]


class Device(Part, frozen=True, kw_only=True):
    """A device by name."""

    name: Text
    model: Text
    """As its maker calls it."""
    soc: Text
    platform: Platform
    identifiers: tuple[Text, ...]
    """What the system itself answers: `hw.machine` on iOS, `ro.product.model` on Android."""
    aliases: tuple[Text, ...]
    """Other names. `iphone`, `android` and `pixel` also take whichever such phone is attached."""

    @property
    def info(self) -> DeviceInfo:
        """As reports name it."""
        return DeviceInfo(name=self.name, model=self.model, soc=self.soc)


ANY_OF: Final[dict[str, Platform]] = {"iphone": "ios", "android": "android", "pixel": "android"}
"""Names that take whichever phone of the platform is attached."""


@cache
def known_devices() -> tuple[Device, ...]:
    """All, in the order of the file."""
    data = (files("mf2_edge.bench.estimate") / "data" / "devices.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[Device, ...])


def find_device(name: str) -> Device:
    """The device of a name or alias.

    Raises UnknownDeviceError, which lists what there is and suggests the nearest.
    """
    by_name = {each: d for d in known_devices() for each in (d.name, *d.aliases)}
    asked = name.strip().lower().replace(" ", "-").replace("_", "-")
    if asked in by_name:
        return by_name[asked]
    near = get_close_matches(asked, [HOST, *by_name], n=1, cutoff=0.5)
    suggestion = f"did you mean {near[0]}? " if near else ""
    raise UnknownDeviceError(
        f"unknown device {name!r}; {suggestion}expected one of {HOST}, "
        f"{', '.join(device.name for device in known_devices())}, and iphone, android or pixel for "
        "whichever is attached"
    )


def device_of_model(identifier: str) -> Device | None:
    """The known device of what a system answers about itself."""
    return next((d for d in known_devices() if identifier in d.identifiers), None)
