"""Detect what can disturb a training: exhausted memory, loss spikes, requests to stop.

In: an exception, the losses so far, signals. Out: a yes or no. What to do about it is decided in
loop.py.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

# A spike is a loss more than 6 standard deviations above the mean of the (at most) 128 steps
# before it. With fewer than 32 steps the deviation is too uncertain.
SPIKE_DEVIATIONS, SPIKE_WINDOW, SPIKE_MIN_STEPS = 6.0, 128, 32


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU, numpy or torch's CPU allocator raised this error for lack of memory."""
    # torch's CPU allocator raises a plain RuntimeError, known by its message only.
    is_memory_error = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_memory_error or "allocate memory" in str(error)


def is_loss_spike(losses: Sequence[float]) -> bool:
    """Whether the last loss is far above the earlier ones. Values that are not finite are ignored.

    >>> is_loss_spike([2.0, 2.1] * 20 + [3.0]), is_loss_spike([2.0, 2.1] * 20 + [2.2])
    (True, False)
    >>> is_loss_spike([2.0, 3.0])
    False
    """
    earlier = np.array([loss for loss in losses[:-1] if math.isfinite(loss)])
    if len(earlier) < SPIKE_MIN_STEPS:
        return False
    mean = earlier.mean()
    # A flat curve has almost no deviation: 1 % of the mean is the least.
    return bool(losses[-1] > mean + SPIKE_DEVIATIONS * max(earlier.std(), 0.01 * mean))


@contextlib.contextmanager
def defer_stop_signals() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C and SIGTERM instead of stopping at once; a second signal stops at once.

    Returns:
        A function that says whether a signal has arrived.
    """
    received: list[int] = []
    # Python allows signal handlers in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note_signal(signum: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(signum)

    signals = (signal.SIGINT, signal.SIGTERM)
    previous_handlers: list[Any] = [signal.signal(signum, note_signal) for signum in signals]
    try:
        yield lambda: bool(received)
    finally:
        for signum, handler in zip(signals, previous_handlers, strict=True):
            signal.signal(signum, handler)
