"""What is reviewed, and which lines of it count: files and notebooks, diffs, the work since a git commit."""
