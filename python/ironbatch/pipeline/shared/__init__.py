"""What the batches of a run share: variables, models, metrics."""
