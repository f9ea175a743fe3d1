"""Prices and image tokens of models, from a dated file beside this one or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil
from pathlib import Path
from typing import Final, Literal

import msgspec

from distill.mfa.errors import PriceError

Mode = Literal["live", "batch"]
Detail = Literal["low", "high"]
PUBLISHED: Final = Path(__file__).with_name("prices.toml")


class ImageTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many input tokens an image counts as."""

    low: int
    """At low detail, whatever its size."""
    base: int
    """At high detail, once."""
    tile: int
    """At high detail, for each tile of 512x512."""

    def count(self, side: int, detail: Detail) -> int:
        """Tokens of a square image of `side` px.

        At high detail an image is shrunk to a shortest side of 768 px, then covered with tiles of
        512 px; a smaller one is not enlarged.
        """
        if detail == "low":
            return self.low
        return self.base + self.tile * ceil(min(side, 768) / 512) ** 2


class ModelPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model costs."""

    names: tuple[str, ...]
    input_usd: float
    """For a million tokens."""
    output_usd: float
    """For a million tokens."""
    batch_factor: float
    """Price in a batch, as a part of the price live."""
    image: ImageTokens
    shutdown: date | None = None
    """The day it leaves the API, where one is announced."""

    def cost_usd(self, input_tokens: int, output_tokens: int, mode: Mode) -> float:
        """Price of an answer, without any discount for cached input."""
        usd = (input_tokens * self.input_usd + output_tokens * self.output_usd) / 1e6
        return usd * (self.batch_factor if mode == "batch" else 1.0)


class PriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dated list of prices."""

    source: str
    date: date
    models: tuple[ModelPrice, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """A model's price, and where it was published on which day."""

    price: ModelPrice
    source: str
    date: date


def load_quote(model: str, path: Path | None = None) -> Quote:
    """The price of a model; raises PriceError saying what the file lacks."""
    path = path or PUBLISHED
    try:
        prices = msgspec.toml.decode(path.read_bytes(), type=PriceList)
    except FileNotFoundError:
        raise PriceError(f"no price list at {path}; write one like {PUBLISHED}") from None
    except msgspec.DecodeError as error:
        raise PriceError(f"{path}: {error}; write it like {PUBLISHED}") from error
    for price in prices.models:
        if model in price.names:
            return Quote(price, prices.source, prices.date)
    known = ", ".join(name for price in prices.models for name in price.names)
    raise PriceError(
        f"{path} has no price for {model!r}, so no budget can be kept; it has {known}. "
        "Name a price list that has it with --prices (all prices 0 for a server of your own)"
    )
