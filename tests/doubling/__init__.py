"""How the time of every reader, converter, rule and checker grows with its input."""
