"""What Gadfly does for a user, as typed functions that every face calls."""
