"""What a process does with its memory: large blocks go back at once, imports are for good.

glibc begins to keep large blocks once one was freed: after a few long answers a process would keep
as much memory as it ever needed. Other systems' allocators are left as they are.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LARGE = 131_072
"""Bytes, as glibc begins with."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of malloc.h."""


def give_back() -> None:
    """From now on, in this process."""
    if sys.platform != "linux":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for threshold in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
        mallopt(threshold, LARGE)


@contextmanager
def for_good() -> Iterator[None]:
    """What is imported and made meanwhile stays: nobody looks for garbage in it, now or later.

    To look again and again while a hundred thousand things are made takes a fifth of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
