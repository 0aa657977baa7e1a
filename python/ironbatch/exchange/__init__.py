"""Batches for other libraries.

=============  ====================================================================
`chosen`       which components go out
`tables`       pyarrow, pandas and polars: a row for each item, with its id
`tensors`      torch: a tensor for each component
`torch_data`   what torch's `DataLoader` takes: the batches of a pipeline
=============  ====================================================================

Nothing is imported here: each library is needed only where it is used.
"""
