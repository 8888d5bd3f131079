"""Results as one page and as the figures that the README quotes: ``python -m gadfly.evals.report``."""
