"""Packages and deployment targets that are refused."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from exporters.errors import ConversionError, PackError
from exporters.formats.coreml.convert import lowest_ios, minimum_systems
from exporters.formats.coreml.package import unzip_package


def test_deployment_targets_name_macos_or_are_refused() -> None:
    assert minimum_systems("17") == {"ios": "17.0", "macos": "14.0"}
    with pytest.raises(PackError, match=r"iOS 12: expected a deployment target of 15, 16, 17"):
        minimum_systems("12")


def test_the_lowest_target_is_that_of_the_operations() -> None:
    assert (lowest_ios("fp16"), lowest_ios("fp32"), lowest_ios("int8")) == ("15", "15", "17")
    assert minimum_systems(lowest_ios("int8"), "int8") == {"ios": "17.0", "macos": "14.0"}
    with pytest.raises(PackError, match=r"coreml:int8 needs iOS 17"):
        minimum_systems("16", "int8")


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mlpackage.zip").write_bytes(b"no zip")
    with pytest.raises(ConversionError, match="is no zip"):
        unzip_package(tmp_path / "a.mlpackage.zip", tmp_path)
    with ZipFile(tmp_path / "b.mlpackage.zip", "w") as archive:
        archive.writestr("readme", "")
    with pytest.raises(ConversionError, match=r"holds no b\.mlpackage/Data"):
        unzip_package(tmp_path / "b.mlpackage.zip", tmp_path)
