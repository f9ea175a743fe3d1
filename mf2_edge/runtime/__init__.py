"""Inference engines, one a module, behind the protocol of `base.py`."""
