"""Large blocks of memory go back to the system as soon as they are free.

glibc begins to keep such blocks once one was freed: after a few long answers a process would keep
as much memory as it ever needed. Other systems' allocators are left as they are.
"""

import ctypes
import sys

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
