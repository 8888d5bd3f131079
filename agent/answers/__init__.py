"""What an answer is: claims, each with receipts that a program checked.

- ``answer``   the answer, its claims and receipts as data     - ``receipts``  from citations to receipts, or struck
- ``markers``  citations in a model's text                     - ``offline``   an answer with no model at all
"""
