"""Faster ways to live the same lives; `lifetime` under `vmap` and `scan` defines them."""

from plastica.kernels.native import losses, reason, threads_per_device

__all__ = ["losses", "reason", "threads_per_device"]
