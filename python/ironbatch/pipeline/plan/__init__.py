"""What a chain compiles to, once for each run."""
