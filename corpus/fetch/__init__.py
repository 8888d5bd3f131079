"""Fetching: one bounded HTTP client, its cache, and archives that are read without being unpacked.

Every byte from outside comes through ``client.Client``. Leaves out what the bytes mean (``convert``)
and which addresses a document has (``sources``).
"""
