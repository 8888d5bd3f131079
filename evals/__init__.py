"""Measuring: benchmarks and planted ground truth. Nothing in the product imports this package."""
