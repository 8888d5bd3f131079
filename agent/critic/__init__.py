"""The critic: what models say about code that the rules have read (``tools.review``), added to their report.

- ``blind``      what the judge does not see: authors and praise
- ``judge``      what a reply is worth: anchored candidates, a verdict, a repair that still parses
- ``views``      what one question shows of a file; where a quote stands
- ``claims``     several readings brought together by place
- ``critique``   the runs, their agreement, the refuter, the fix
- ``price``      what a critique will cost; what is read first where not all of it can be
- ``repro``      a model's script, run inside bubblewrap or not at all
- ``sarif``, ``markdown``  the report for other programs and for GitHub

Nothing of the reviewed code is executed, except inside the sandbox and only where the user asks for it.
"""
