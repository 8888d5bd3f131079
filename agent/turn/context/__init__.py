"""What goes into the model's window: the whole corpus or what retrieval finds (``whole``), and how a long
conversation is shortened without losing a receipt (``compact``)."""
