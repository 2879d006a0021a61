"""Settings of malloc that keep a process with many threads small."""

import ctypes
import sys

# glibc's mallopt parameters, <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2
_LARGE_BYTES = 128 * 1024


def limit_malloc_arenas() -> None:
    """Make malloc return memory: few arenas, large blocks in maps of their own, the top trimmed.

    Otherwise each thread that handles requests keeps an arena as large as the largest body that
    it ever read. Does nothing if the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (_M_ARENA_MAX, _ARENAS),
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, _LARGE_BYTES),
    ):
        mallopt(parameter, value)
