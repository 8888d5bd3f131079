"""Every prompt, one Markdown file each. No code: ``gadfly.agent.llm.prompting`` reads them."""
