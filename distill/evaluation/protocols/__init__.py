"""Which faces an evaluation takes: held-out parts, folds, the protocols of data sets."""
