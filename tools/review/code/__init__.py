"""What reviewed code says: its syntax tree with indexes, where values come from, what they are.

Arrows: ``shapes``, ``concepts``, ``hooking``, ``batches`` → ``flow`` → ``tree`` → ``walk`` → ``nodes``, ``names``,
``memory``, ``watch``.
"""
