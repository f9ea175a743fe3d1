"""Metrics of scores against labels, with their intervals."""
