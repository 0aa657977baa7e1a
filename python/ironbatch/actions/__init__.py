"""What turns methods and functions into actions on a batch.

The decorators are `action`, `inbatch_parallel`, `apply_parallel`, `parallel` and `mjit`. What a
batch class needs to offer `apply_parallel` is in `ironbatch.actions.apply_parallel`: `run` is its
method of that name, `assemble_results` its ``_assemble``, `as_action` makes the action of a marked
method.
"""
