"""The engine that answers with no LLM: it retrieves, shows the sections that answer, and runs the experiment that fits.

- ``engine``      the order of work, and the answer's text
- ``sections``    the sections that answer, whole and verbatim
- ``experiment``  which experiment fits the question, if any; its result as claims

All it says of the world is verbatim from a document or a number of a run. It writes no free prose, and says so.
"""
