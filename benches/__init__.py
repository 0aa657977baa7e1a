"""Measurements of ironbatch beside its peers: `python -m benches`."""
