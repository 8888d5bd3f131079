"""The engine that answers with no LLM: it retrieves, quotes, and runs the experiment that fits.

- ``engine``      the order of work, and the answer's text
- ``extract``     sentences of the passages found, chosen verbatim
- ``experiment``  which experiment fits the question, if any; its result as claims

Every sentence it writes about the world is a verbatim quote or a number of a run, so its answers hold to the
same check as an LLM's. It writes no free prose, and says so.
"""
