"""Figures: protocols and folds of data sets, metrics, the evaluations."""
