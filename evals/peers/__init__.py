"""Scripts that run in the environments of other packages. None of them imports Gadfly."""
