"""How cost grows. ``python -m gadfly.evals.scaling`` is the patching sweep; ``corpus`` and ``sessions`` run alone."""
