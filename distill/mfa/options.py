"""Command-line options that several MFA commands share, and what they stand for."""

from __future__ import annotations

import argparse
from pathlib import Path

from distill.config import Recipe, load_recipe
from distill.mfa.faces import HELD_OUT
from distill.mfa.prompt.message import Asking
from distill.mfa.request.client import Server

MODEL = "gpt-4o-2024-11-20"


def add_store(parser: argparse.ArgumentParser) -> None:
    """--config and --store."""
    parser.add_argument("--config", type=Path, required=True, help="recipe (TOML)")
    parser.add_argument(
        "--store", type=Path, help="the store's file (default: mfa/mfa.sqlite in the recipe's runs)"
    )


def add_faces(parser: argparse.ArgumentParser) -> None:
    """Which faces: --dataset, --split, --limit."""
    parser.add_argument(
        "--dataset", action="append", default=[], help="of the recipe; may be repeated; all"
    )
    parser.add_argument(
        "--split",
        action="append",
        default=[],
        help=f"may be repeated; all but {' and '.join(HELD_OUT)}",
    )
    parser.add_argument("--limit", type=_positive, help="most faces of each data set")


def add_asking(parser: argparse.ArgumentParser) -> None:
    """How to ask: --model, --prices, --detail, --side, --max-output-tokens."""
    defaults = Asking(MODEL)
    parser.add_argument("--model", default=MODEL, help=MODEL)
    parser.add_argument("--prices", type=Path, help="price list (TOML) in place of the built-in")
    parser.add_argument("--detail", choices=("low", "high"), default=defaults.detail)
    parser.add_argument(
        "--side", type=_positive, default=defaults.side, help=f"px of the image; {defaults.side}"
    )
    parser.add_argument(
        "--max-output-tokens",
        type=_positive,
        default=defaults.max_output_tokens,
        help=f"of an answer; {defaults.max_output_tokens}",
    )


def add_sending(parser: argparse.ArgumentParser) -> None:
    """Where to, how and for how much: --mode, --budget-usd, --base-url and the pace."""
    parser.add_argument("--mode", choices=("live", "batch"), default="live")
    parser.add_argument(
        "--budget-usd",
        type=_usd,
        help="most that the store may cost in its whole life, earlier runs included",
    )
    parser.add_argument("--base-url", help="an OpenAI-compatible server (default: OpenAI's own)")
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="seconds without a byte before giving up; 60"
    )
    live, batch = parser.add_argument_group("live"), parser.add_argument_group("batch")
    live.add_argument("--concurrency", type=_positive, default=8, help="requests at a time; 8")
    live.add_argument("--retries", type=_positive, default=8, help="of one request; 8")
    batch.add_argument("--shard-size", type=_positive, default=1000, help="requests; 1000")
    batch.add_argument("--shards", type=_positive, default=4, help="batches at a time; 4")
    batch.add_argument("--poll-seconds", type=float, default=30.0, help="between looks; 30")


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe; raises ConfigError."""
    return load_recipe(arguments.config)


def store_path(arguments: argparse.Namespace, recipe: Recipe) -> Path:
    """Where the store is."""
    named: Path | None = arguments.store
    return named or Path(recipe.runs) / "mfa" / "mfa.sqlite"


def asking_of(arguments: argparse.Namespace) -> Asking:
    """How to ask."""
    return Asking(arguments.model, arguments.detail, arguments.side, arguments.max_output_tokens)


def server_of(arguments: argparse.Namespace) -> Server:
    """Where to ask."""
    return Server(arguments.base_url, arguments.timeout)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _usd(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not an amount of money")
    return value
