"""The bench: how long a frame takes on a device, what it costs in accuracy, and how one knows.

`python -m mf2_edge.bench --device host|iphone|galaxy-s24|...`; docs/bench.md says how to read it.
"""
