"""What is installed and under which licence: pins with hashes, and what NOTICE and metadata say."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SDK = (ROOT / "packaging" / "requirements-sdk.txt").read_text()
DEV = (ROOT / "packaging" / "constraints-dev.txt").read_text()
EXTRAS = "train", "backbones", "mfa", "export", "test", "dev"
"""Of the environment that `make test` makes."""


def pins(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def assert_pinned(wanted: list[str], pinned: dict[str, list[str]]) -> None:
    for requirement in map(Requirement, wanted):
        versions = pinned[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_all_that_the_sdk_needs_is_pinned_with_hashes() -> None:
    assert_pinned(PROJECT["project"]["dependencies"], pins(SDK))
    assert_pinned(PROJECT["build-system"]["requires"], pins(SDK))
    blocks = re.split(r"\n(?=\S)", SDK.strip())[1:]
    assert len(blocks) == sum(map(len, pins(SDK).values()))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)


def test_the_versions_of_the_tests_are_those_that_the_project_asks_for() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [each for name in EXTRAS for each in extras[name] if not each.startswith("torch==")]
    assert_pinned(wanted, pins(DEV))


def test_no_package_index_is_named() -> None:
    assert "://" not in SDK + DEV


def test_notice_says_which_weights_are_free() -> None:
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    manifests = ROOT.glob("mf2_edge/bundles/*/manifest.json")
    licences = {path.parent.name: json.loads(path.read_text())["license"] for path in manifests}
    [told] = re.findall(
        r"those of (.*?) are under the Apache License 2.0, those of (.*?) for", notice
    )
    free, bound = (set(re.findall(r"mf2-edge-\w+", names)) for names in told)
    assert free == {name for name, told in licences.items() if told["name"] == "Apache-2.0"}
    assert free | bound == set(licences)
    expression = PROJECT["project"]["license"]
    assert set(expression.split(" AND ")) == {told["name"] for told in licences.values()}
