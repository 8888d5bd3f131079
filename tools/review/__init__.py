"""Review of interpretability code by deterministic rules: no model, no network, nothing is executed.

- ``reading/``   what is reviewed and which lines count: files, notebooks, diffs, the work since a git commit
- ``code/``      what the code says: tree, data flow, shapes of tensors, models, hooks, tokenizers
- ``rules/``     what is wrong with it: one function and one page a rule
- ``engine``, ``registry``, ``suppress``, ``config``  every rule over every file, and what switches one off
- ``findings``, ``report``                            what a review says

What a face calls::

    from gadfly.tools.review.engine import review, review_diff

    done = review(["train.py", "notebooks/"])           # files and folders, Python and notebooks
    done = review({"probe.py": text})                   # or texts, by path
    done = review(paths, changed={"probe.py": {3, 4}})  # only findings that touch these lines
    done = review_diff(diff_text, Path("checkout"))     # the hunks of a unified diff, beside the new files
    done.findings                                       # list[Finding], ranked
    done.notices                                        # what could not be read, one line each

A :class:`~gadfly.tools.review.findings.Finding` holds

- ``path``, ``start_line``, ``end_line``; in a notebook ``cell`` (counted from 0), the lines count within it,
  and ``file_line`` is where ``start_line`` stands in the .ipynb file (None if its JSON is not laid out in lines);
- ``rule`` (its id; ``registry.rules()[id].page`` explains it), ``message``, ``fix``, ``severity``, ``evidence``;
- ``quote``: the code, verbatim, as it stands at these lines. A finding whose quote is not there is dropped;
- ``fingerprint``: made of the rule, the enclosing symbol and the normalised snippet, never of the line, so that a
  second push which only moves code repeats nothing. Two equal snippets in one symbol are counted up;
- ``framings``: empty for rules; the critic fills it.

``diff.parse`` gives the files of a diff with the lines on which a comment may stand (``commentable``);
``code.anchors`` the enclosing functions, callees and callers of lines, within a token budget;
``suppress`` knows ``# gadfly: ignore[rule]``. Arrows: faces → engine → rules → code; engine → reading.
"""
