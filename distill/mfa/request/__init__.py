"""Requests to the model: live or in batches, at what rate, at what price."""
