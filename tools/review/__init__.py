"""Review of interpretability code by deterministic rules: no model, no network, nothing is executed.

- ``reading/``   what is reviewed and which lines count: files, notebooks, diffs, the work since a git commit
- ``code/``      what the code says: tree, data flow, shapes of tensors, models, hooks, tokenizers
- ``rules/``     what is wrong with it: one function and one page a rule
- ``engine``, ``registry``, ``suppress``, ``config``  every rule over every file, and what switches one off
- ``report``                                        what a review says

What a face calls::

    from gadfly.tools.review.engine import review_source
    from gadfly.tools.review.reading import changes, material

    read = material.from_paths(["train.py", "notebooks/"])  # files and folders, Python and notebooks
    read = changes.from_diff(diff, root=folder)             # the files of a diff, and the lines that count
    read = changes.from_base("main")                        # the work since a branch or commit
    for file in read.files:
        found = review_source(file.source, notices)         # what every rule finds; notices: what it could not read

A :class:`~gadfly.tools.review.report.Remark` holds

- ``path``, ``start_line``, ``end_line``; in a notebook ``cell`` (counted from 0), the lines count within it
  (``File.line`` leads to the line of the .ipynb file);
- ``rule`` (its id; ``registry.rules()[id].page`` explains it), ``message``, ``fix``, ``severity``, ``evidence``;
- ``quote``: the code, verbatim, as it stands at these lines. A finding whose quote is not there is dropped;
- ``fingerprint``: made of the rule, the enclosing symbol and the normalised snippet, never of the line, so that a
  second push which only moves code repeats nothing. Two equal snippets in one symbol are counted up.

``diff.parse`` gives the files of a diff with the lines on which a comment may stand (``commentable``);
``code.anchors`` the enclosing functions, callees and callers of lines, within a token budget;
``suppress`` knows ``# gadfly: ignore[rule]``. Arrows: faces → engine → rules → code; engine → reading.
"""
