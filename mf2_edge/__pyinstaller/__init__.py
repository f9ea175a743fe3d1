"""What PyInstaller needs to know to freeze a program that uses this package."""

from __future__ import annotations

from pathlib import Path


def hook_folders() -> list[str]:
    """Where PyInstaller finds the hook; the entry point `hook-dirs` names this function."""
    return [str(Path(__file__).parent)]
