"""How plans and batches travel with Dask: as a pickle, and large arrays that nobody copies.

Dask would have the arrays within the pickle, since its scheduler speaks an older protocol. A worker
imports this module when the first frames arrive, and so knows what they are; nothing else imports
it, as it needs `distributed`.
"""

from __future__ import annotations

import pickle
from typing import Any

import distributed.protocol

__all__ = ["Frames"]


class Frames:
    """What travels.

    Parameters
    ----------
    content : SentPlan or Answer
        It pickles with large arrays out of band, and knows its ``nbytes``.
    """

    def __init__(self, content: Any) -> None:
        self.content = content

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + int(self.content.nbytes)


def _to_frames(frames: Frames) -> tuple[dict[str, Any], list[Any]]:
    parts: list[Any] = []
    body = pickle.dumps(
        frames.content, protocol=5, buffer_callback=lambda part: parts.append(part.raw())
    )
    return {}, [body, *parts]


def _from_frames(header: dict[str, Any], frames: list[Any]) -> Frames:
    body, *parts = frames
    return Frames(pickle.loads(body, buffers=parts))


_protocol: Any = distributed.protocol
_protocol.dask_serialize.register(Frames)(_to_frames)
_protocol.dask_deserialize.register(Frames)(_from_frames)
