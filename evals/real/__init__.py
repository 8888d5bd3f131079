"""The tools held to facts on real weights, each computed a second time with transformers alone."""
