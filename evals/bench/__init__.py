"""Speed beside peers. ``python -m gadfly.evals.bench`` runs all of it as one table; each module also runs alone."""
