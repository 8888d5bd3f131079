"""Scripts that run in the environments of other packages: job as JSON on stdin, answer as JSON on stdout.

None of them imports Gadfly, which is not there. ``wire`` is beside them and is all that they share.
"""
