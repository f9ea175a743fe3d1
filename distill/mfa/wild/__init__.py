"""MFA-wild: coding photographs by a guide, how well coders agree, and records of what they saw.

The folder also holds the codes themselves, which `distill.datasets.wild` reads.
"""
