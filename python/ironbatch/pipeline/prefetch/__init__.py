"""Batches made ahead: in threads, in worker processes, by executors."""
