"""The rules shipped for each client; ``install`` writes them where the client looks."""
