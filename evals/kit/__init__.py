"""What every script of the evaluations shares."""
