"""The face for MCP clients: Claude Code, Cursor, VS Code, Codex. The client brings the LLM, so no key is needed.

- ``server``      everything below put together
- ``declared``    the one declaration of a tool or job as an MCP tool
- ``calls``       running calls on workers: progress, cancellation, the end of the process
- ``results``     a result as content: structured, text, pictures, under a client's cap
- ``ledger``      the ledger as tools, declared in the same way
- ``jobs``        start, status, result, cancel: work that outlives one call
- ``prompts``, ``resources`` and the completion of their arguments
- ``serving``     over stdio, or over HTTP on loopback
- ``install``     a client's configuration; ``clients`` the rules shipped for each

The modules import ``mcp`` at their top: nothing else loads them.
"""
