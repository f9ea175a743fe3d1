"""The face finder, YuNet n: from its public weights to files for each runtime.

`python -m exporters.finder --help` says how the shipped files are made.
"""
