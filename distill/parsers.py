"""Options of the commands whose work needs heavy packages: `--help` works without them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from distill.mfa.options import MODEL, add_store

ADAPT_OUT: Final = Path("runs/adapt")
SCALE_RESULT: Final = Path("benchmarks/results/scale.json")
TEXT_SPACES: Final = Path(__file__).parent / "text_spaces"


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """--set, of every command that reads a recipe."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a value in the place of the recipe's, as train.lr=1e-4; may be repeated",
    )


def adapt_parser() -> argparse.ArgumentParser:
    """Of `adapt`; see `distill/adapt.py`."""
    told = "A new head for a frozen network, from your labels or from a sentence."
    parser = argparse.ArgumentParser(prog="python -m distill adapt", description=told)
    parser.add_argument("--data", type=Path, help="labels (CSV, docs/adapt.md)")
    parser.add_argument("--images", type=Path, help="folder of its pictures")
    parser.add_argument("--text", help="a sentence instead of labels")
    parser.add_argument(
        "--faces", type=Path, help="with --text: folder of pictures of faces to compare with"
    )
    parser.add_argument("--task", required=True, help="name of the new head")
    networks = parser.add_mutually_exclusive_group(required=True)
    networks.add_argument("--bundle", help="a bundle of an edge network, by name or folder")
    networks.add_argument("--checkpoint", type=Path, help="an MF² or edge network in training")
    parser.add_argument("--out", type=Path, default=ADAPT_OUT)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def explain_parser() -> argparse.ArgumentParser:
    """Of `explain`; see `distill/explain.py`."""
    told = "Where MF² looks for each Action Unit, as a picture."
    parser = argparse.ArgumentParser(prog="python -m distill explain", description=told)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/mf2/network.pt"))
    parser.add_argument("--out", type=Path, default=Path("explained.png"))
    return parser


def text_space_parser() -> argparse.ArgumentParser:
    """Of `text-space`; see `distill/adapting/text/fit_space.py`."""
    told = "Teach a bundle, as it ships, what faces look like in words."
    parser = argparse.ArgumentParser(prog="python -m distill text-space", description=told)
    parser.add_argument("--bundle", required=True, help="of an edge network, by name or folder")
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("distill/configs/mf2.toml"),
        help="recipe whose faces and [texts] teach",
    )
    parser.add_argument("--out", type=Path, default=TEXT_SPACES, help="folder of the text spaces")
    parser.add_argument("--figures", type=Path, required=True, help="figures (JSON)")
    return parser


def protocol_parser() -> argparse.ArgumentParser:
    """Of `protocol`; see `distill/protocol.py`."""
    told = "Train and judge a recipe by a data set's published protocol: the table of papers."
    parser = argparse.ArgumentParser(prog="python -m distill protocol", description=told)
    parser.add_argument("--config", type=Path, required=True, help="recipe (TOML)")
    add_overrides(parser)
    parser.add_argument(
        "--dataset", help="of the recipe (default: that of its folds, else its first)"
    )
    parser.add_argument("--protocol", required=True, help="3fold, valid-7, ... (docs/datasets.md)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], metavar="SEED", help="of training; 0"
    )
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="as of `train`")
    parser.add_argument("--out", type=Path, help="report (default: under runs/evaluations)")
    return parser


def scale_parser() -> argparse.ArgumentParser:
    """Of `scale`; see `distill/scale.py`."""
    told = "What a full-scale run would need, from what was measured in small."
    parser = argparse.ArgumentParser(prog="python -m distill scale", description=told)
    add_store(parser)
    parser.add_argument("--faces", type=_positive, required=True, help="of the full-scale run")
    parser.add_argument("--epochs", type=_positive, required=True, help="that training would take")
    parser.add_argument("--steps", type=_positive, default=20, help="to time; 20")
    parser.add_argument(
        "--sample", type=_positive, default=500, help="faces of each data set to cost; 500"
    )
    parser.add_argument("--model", default=MODEL, help=f"that describes faces; {MODEL}")
    parser.add_argument("--prices", type=Path, help="price list (TOML) in place of the built-in")
    parser.add_argument(
        "--throughput", type=_rate, metavar="FACES", help="a second, measured on another machine"
    )
    parser.add_argument("--measured-on", metavar="TEXT", help="that machine, and how it was done")
    parser.add_argument(
        "--gpu-speedup",
        type=_rate,
        metavar="FACTOR",
        help="how many times as fast a GPU is taken to be, the preparing of faces left out",
    )
    parser.add_argument("--assuming", metavar="TEXT", help="where the factor is from")
    parser.add_argument(
        "--write", type=Path, default=SCALE_RESULT, metavar="FILE", help=str(SCALE_RESULT)
    )
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


PARSERS: Final[dict[str, Callable[[], argparse.ArgumentParser]]] = {
    "adapt": adapt_parser,
    "explain": explain_parser,
    "protocol": protocol_parser,
    "scale": scale_parser,
    "text-space": text_space_parser,
}
