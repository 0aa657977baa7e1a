"""Pipelines: lazy chains of actions, and what carries them out."""

from ironbatch.pipeline.models import Model
from ironbatch.pipeline.pipeline import Pipeline
from ironbatch.pipeline.profile import ActionTime, Profile

__all__ = ["ActionTime", "Model", "Pipeline", "Profile"]
