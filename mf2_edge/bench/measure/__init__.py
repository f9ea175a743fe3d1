"""Measuring latency: on this machine, on phones, and reports that phones wrote."""
