"""Turning a format into Markdown: HTML, PDF, and through pandoc LaTeX, Word, EPUB and reStructuredText. No network.

``html`` is the entry for pages and finds the main text (``distill``, ``latexml``, ``notes`` and
``math`` turn special markup into plain HTML, ``markdown`` writes it); ``latex`` and ``pandoc``; ``pdf``.
"""
