"""What a bundle says about itself, told anew without pressing its files again.

    python -m exporters.bundle.refresh BUNDLE

The manifest takes its description, its card and its size from exporters/bundle/configs/NAME.toml
and distill/configs/NAME.toml; the model card is written from the manifest. Files, licence,
calibration and figures stay. What was measured on a file goes onto the card again by
`exporters.bundle.add_evaluation`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from exporters.bundle.add_evaluation import CARD
from exporters.bundle.metadata import FOLDER, load_about
from exporters.bundle.model_card import model_card
from exporters.errors import PackError
from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION, parse_manifest
from mf2_edge.bundle.schema import CardSpec, SizeSpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import replacing

RECIPES = Path(__file__).parents[2] / "distill" / "configs"


def retell(folder: Path, size: SizeSpec) -> None:
    """Renew manifest and card in `folder`; raises PackError if its own text is not of this version.

    A card with a table of files of integers beside one another is refused: only the press makes it.
    """
    manifest = load_bundle(folder).manifest
    about = load_about(FOLDER / f"{manifest.name}.toml")
    if about.version != manifest.version:
        raise PackError(
            f"{manifest.name} is {manifest.version}, its text of {about.version}: press it again"
        )
    if sum(artifact.precision == "int8" for artifact in manifest.artifacts) > 1:
        raise PackError(f"{manifest.name} holds several files of integers: press it again")
    card = CardSpec(
        intended_use=about.intended_use,
        misuse=about.misuse,
        limits=(about.training, *about.limits),
    )
    raw: dict[str, Any] = msgspec.json.decode((folder / MANIFEST).read_bytes())
    raw |= {"schema_version": SCHEMA_VERSION, "description": about.description}
    raw |= {"size": msgspec.to_builtins(size), "card": msgspec.to_builtins(card)}
    data = msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"
    told = parse_manifest(data, source=str(folder / MANIFEST))
    with replacing(folder / MANIFEST) as partial:
        partial.write_bytes(data)
    with replacing(folder / CARD) as partial:
        partial.write_text(model_card(about, told), encoding="utf-8")


def size_of(name: str) -> SizeSpec:
    """Of the network that the recipe of that name describes; raises ConfigError without one."""
    from distill.config import load_recipe
    from distill.networks.architectures import build_network
    from distill.networks.size import network_size

    recipe = load_recipe(RECIPES / f"{name}.toml")
    size = network_size(build_network(recipe), recipe.alignment)
    return SizeSpec(parameters=size.parameters, multiply_adds=size.macs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 if the bundle could not be read or written."""
    from distill.config import ConfigError

    parser = argparse.ArgumentParser(prog="python -m exporters.bundle.refresh", description=__doc__)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="its folder")
    options = parser.parse_args(arguments)
    try:
        retell(options.bundle, size_of(load_bundle(options.bundle).manifest.name))
    except (Mf2EdgeError, PackError, ConfigError, OSError) as error:
        sys.stderr.write(f"exporters.bundle.refresh: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
