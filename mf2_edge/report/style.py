"""The style sheet of a report, and a colour for each emotion."""

from __future__ import annotations

from typing import Final

_HUES: Final = {
    "neutral": "e0",
    "happiness": "e1",
    "surprise": "e2",
    "sadness": "e3",
    "anger": "e4",
    "disgust": "e5",
    "fear": "e6",
    "contempt": "e7",
}
"""Custom properties of the style below, light and dark."""

STYLE: Final = """
:root { --e0: #8b97a6; --e1: #d99a00; --e2: #c2559b; --e3: #2f74c0; --e4: #c8402f; --e5: #4c8c3b;
  --e6: #7256b8; --e7: #a0703c; }
@media (prefers-color-scheme: dark) { :root { --e0: #66717f; --e1: #f3bf3f; --e2: #e58bc4;
  --e3: #6aa9ee; --e4: #f0796a; --e5: #84c471; --e6: #aa92ea; --e7: #cf9f6a; } }
svg { display: block; width: 100%; }
.stack, .curves { height: 9rem; background: var(--track); border-radius: 8px; }
.curves { height: 6.5rem; }
.lane { height: 2.4rem; background: linear-gradient(var(--track) 83.3%, transparent 83.3%); }
.share { height: 1.1rem; border-radius: 6px; }
.area { fill: var(--accent); fill-opacity: .38; stroke: var(--accent); stroke-width: 1.5;
  vector-effect: non-scaling-stroke; }
.on { fill: var(--accent); }
.limit { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 4; fill: none;
  vector-effect: non-scaling-stroke; }
.curve { fill: none; stroke-width: 2.25; vector-effect: non-scaling-stroke; stroke: var(--accent); }
.c1 { stroke: var(--e1); stroke-dasharray: 7 3; } .c2 { stroke: var(--e4); stroke-dasharray: 2 3; }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem;
  font-variant-numeric: tabular-nums; padding-top: .25rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0 0; padding: 0; }
.tiles div { background: var(--track); border-radius: 10px; padding: .7rem .9rem; }
.tiles dt { color: var(--soft); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; }
.hero { display: grid; gap: 1.5rem; align-items: center; }
.hero img { width: 100%; height: auto; border-radius: 10px; display: block; }
.keys { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0 0;
  list-style: none; }
figure { margin: 0; } .keys figure { width: 7rem; }
.keys img { width: 7rem; height: 7rem; border-radius: 10px; display: block; }
figcaption { font-size: .85rem; line-height: 1.35; padding-top: .35rem; }
figcaption span { color: var(--soft); display: block; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; padding: 0;
  margin: .6rem 0; font-size: .9rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 3px;
  margin-right: .45em; }
.legend .l { height: 0; width: 1.6em; border-top: 3px solid; vertical-align: .25em;
  border-radius: 0; }
.legend .l1 { border-top-style: dashed; } .legend .l2 { border-top-style: dotted; }
.unit { display: grid; grid-template-columns: 12rem minmax(0, 1fr) 7rem; gap: 0 1rem;
  align-items: center; padding: .2rem 0; }
.unit b { font-weight: 650; } .unit span { color: var(--soft); font-size: .88rem; }
.unit .n { text-align: right; font-variant-numeric: tabular-nums; }
.unit + .axis { padding-left: 13rem; padding-right: 8rem; }
.alert { border-left: 4px solid var(--e4); padding-left: 1rem; }
@media (min-width: 48rem) { .hero { grid-template-columns: 1.15fr 1fr; } }
@media (max-width: 40rem) { .unit { grid-template-columns: 1fr auto; }
  .unit + .axis { padding-left: 0; padding-right: 0; }
  .unit svg { grid-column: 1 / -1; grid-row: 2; } }
"""
"""Beside that of `html.py`."""


def colors(labels: list[str]) -> dict[str, str]:
    """The custom property of each emotion; unknown labels take one in turn."""
    return {label: _HUES.get(label, f"e{i % len(_HUES)}") for i, label in enumerate(labels)}
