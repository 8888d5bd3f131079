"""Turning a fetched format into Markdown: HTML, LaTeX and PDF. Pure functions, no network, no files.

``html`` is the entry for pages (``article`` finds the main text, ``distill``, ``latexml``, ``notes`` and
``math`` turn special markup into plain HTML, ``markdown`` writes it); ``latex`` for arXiv sources; ``pdf``.
"""
