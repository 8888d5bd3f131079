"""What outlives a turn: conversations that can be resumed, exported and turned into projects.

- ``session``   one conversation as faces use it       - ``store``, ``postgres``  where checkpoints are kept
- ``export``    a conversation as a file               - ``projects``             a proposed project, day by day
"""
