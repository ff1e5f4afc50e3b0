"""Numerical libraries on one thread."""

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def limit_numerical_threads() -> None:
    """Let NumPy and its kin compute on the calling thread alone, in the libraries that are loaded by now.

    The vectors here are short. OpenBLAS's other threads would spin between two of them, which kept most of a second
    core busy: measured with 100 webhooks a second, 7 of 10 seconds of system time.
    """
    threadpool_limits(limits=1)
