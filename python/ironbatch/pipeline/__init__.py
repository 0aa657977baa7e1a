"""Pipelines: lazy chains of actions, and what carries them out.

===========  =======================================================================
`chain`      what users write, and how it shows itself
`plan`       what a chain compiles to, once for each run
`run`        one run: its arguments, its batches, what regroups them, what fails
`prefetch`   batches made ahead: in threads, in worker processes, by executors
`shared`     what batches share: variables, models, metrics
`resume`     where a run stands, and how it goes on from there
`profile`    where the time goes
===========  =======================================================================
"""

from ironbatch.pipeline.chain.adds import adds
from ironbatch.pipeline.pipeline import Pipeline
from ironbatch.pipeline.profile.profile import ActionTime, Profile
from ironbatch.pipeline.shared.models import Model

__all__ = ["ActionTime", "Model", "Pipeline", "Profile", "adds"]
