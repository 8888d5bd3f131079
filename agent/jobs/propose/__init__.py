"""Mini-projects that arrive with their first result.

A *draft* is the same thing whoever wrote it, the bank of templates or a language model, and every draft goes the
same way: grounded (``ground``), made to fit the machine (``feasible``), piloted (``pilot``), criticised (``rubric``,
``opposed``), ranked and freed of duplicates (``rank``), and written on one page (``page``).

- ``draft``    what a draft is            - ``bank``      the packaged templates (``templates/*.md``)
- ``write``    drafts by a language model - ``proposal``  what comes out and is kept
- ``machines`` GPUs                       - ``subjects``  current open models, from their configurations

The job that puts them in order is ``agent.jobs.propose``.
"""
