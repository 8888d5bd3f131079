"""Thinking: the loop, the LLM and the receipts; the jobs built on them; the faces.

- ``jobs``       what Gadfly does for a user, as typed functions: ``ask``
- ``loop``       the LangGraph loop: think, act, check
- ``llm``        the one road to every provider, and the shipped scripted model
- ``offline``    the engine that answers with no LLM
- ``receipts``   markers in a text, verified mechanically
- ``cli``        the terminal face
"""
