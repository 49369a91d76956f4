"""Faster ways to live lives that `lifetime` under `vmap` and `scan` defines."""

from plastica.kernels.native import losses, reason, threads_per_device

__all__ = ["losses", "reason", "threads_per_device"]
