"""The skeptic: takes pressure out of a message, lets opposed framings judge, lets a fresh context refute.

``split`` separates what a message says from how it pushes; ``framings`` forms a verdict on what the researcher put
forward; ``refute`` attacks each claim of a draft; ``outrank`` holds prose to the verdicts of its runs; ``standing``
keeps an earlier verdict until there is new evidence. Receipts themselves are checked in ``agent.receipts``.
"""
