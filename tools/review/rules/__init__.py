"""The rules, one file a concept; importing a module registers what is in it.

To add one: a generator function under ``@rule(id, severity)`` in the file of its concept, which yields a ``Hit``
for the node that is wrong; and a page ``pages/<id>.md`` with what the rule says and how to fix it, a wrong and a
right example, why, and the source. Both examples are tests; cases in other idioms go to
``tests/tools/review/cases``. A rule needs evidence of the bug *and* of the absence of its usual repair: a missed bug
costs little, a false alarm costs the reader's trust.

What rules share is in ``code/``: ``concepts`` (models and values), ``hooking`` (hooks, traces), ``batches``
(tokenizers, padding), ``shapes`` (axes), ``names`` (words), ``nodes`` (what a node is), ``walk`` (what is below it),
``tree`` and ``flow`` (what stands where in the file, and what flowed into it).
"""
