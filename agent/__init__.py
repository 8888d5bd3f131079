"""Thinking: whatever an LLM has a part in, and the faces.

- ``turn``      one turn: rounds of evidence, a draft, the skeptic    - ``answers``   claims and their receipts
- ``sessions``  what outlives a turn: resume, export, projects        - ``jobs``      ask, review, propose, redteam
- ``critic``    code read by a model under opposed framings           - ``llm``       the one road to every provider
- ``markup``    Markdown that text of others cannot break             - ``faces``     cli, chat, mcp, github
"""
