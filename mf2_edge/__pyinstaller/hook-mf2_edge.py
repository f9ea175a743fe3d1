"""PyInstaller's hook: models, detectors and samples, and what is imported by name."""

from __future__ import annotations

from PyInstaller.utils.hooks import collect_data_files, collect_dynamic_libs, collect_submodules

_SOURCES = ["export/sources/**", "**/*.pyi"]
"""Code that `mf2-edge export` hands out from a wheel; a frozen program exports nothing."""

datas = collect_data_files("mf2_edge", excludes=_SOURCES)
hiddenimports = [
    *collect_submodules("mf2_edge", filter=lambda name: "__pyinstaller" not in name),
    "ai_edge_litert.interpreter",
]
binaries = collect_dynamic_libs("ai_edge_litert")
