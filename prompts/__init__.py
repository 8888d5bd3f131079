"""Every prompt, one Markdown file each. No code: ``gadfly.agent.prompting`` reads them."""
