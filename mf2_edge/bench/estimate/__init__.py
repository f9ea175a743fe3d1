"""Estimating latency: the cost model, and the published figures that it is fitted to."""
