"""One run: its arguments, its batches, what joins and regroups them, what fails."""
