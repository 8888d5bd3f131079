"""The critic: what is to be read, what rules and models say about it, one ranked report.

- ``material``   what is reviewed: paths on disk, with the lines that count
- ``hunks``      a unified diff as text: cut by file, applied, or read as it stands
- ``changes``    a diff or a git base turned into material
- ``notebooks``  from a line of a cell to a line of the notebook's JSON
- ``config``     ``.gadfly.toml``: three settings
- ``report``     remarks, ranked; what was read, what was dropped, what it cost
- ``blind``      what the judge does not see: authors and praise
- ``framings``   the opposed ways of asking
- ``judge``      one question to a model, one list of anchored candidates
- ``views``      what one question shows of a file; where a quote stands
- ``claims``     several readings brought together by place
- ``critique``   the runs, their agreement, the refuter, the fix
- ``fixes``      a replacement that still parses
- ``price``, ``risk``  what a critique will cost; what is read first where not all of it can be
- ``repro``      a model's script, run inside bubblewrap or not at all
- ``sarif``, ``markdown``, ``annotations``  the report for other programs and for GitHub

Nothing of the reviewed code is executed, except inside the sandbox and only where the user asks for it.
"""
