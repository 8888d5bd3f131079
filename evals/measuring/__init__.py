"""How often something is so: guards, false positives, retrieval, the review of code. Each module runs alone."""
