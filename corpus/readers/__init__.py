"""What a file says: functions from a text to :class:`page.Page`, one module for each format.

``files`` chooses the reader by suffix; ``dump`` takes apart a file that is many documents in a row. Leaves
out where files come from (``sources/``) and everything after a document exists.
"""
