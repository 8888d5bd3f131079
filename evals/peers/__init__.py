"""Other packages that do what Gadfly does, each in an environment of its own, to be measured beside it.

``environment`` makes an environment, ``running`` asks a script in it, and ``scripts`` holds those scripts.
"""
