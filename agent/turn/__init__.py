"""One turn: a question in, rounds of evidence, a draft, the skeptic, an answer out.

- ``engine``   what answers: a loop with a model, or the offline one    - ``loop``, ``state``  the rounds
- ``toolbox``  the tools as a model sees them, and running its calls    - ``budget``, ``context``         what fits
- ``skeptic``  what speaks against a draft before it is shown           - ``events``                      for faces
"""
