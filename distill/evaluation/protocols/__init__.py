"""What `distill evaluate` measures: recipes, bundles, ensembles, text alone, data sets."""
