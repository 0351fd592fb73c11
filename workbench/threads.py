"""How torch's threads wait: briefly by spinning, since much of the time the next small product comes at once.

Threads that spin for long take the cores from those that work: on a busy machine a forward pass of the
embedded model then takes about ten times as long. The policy is read when torch is loaded, so it can be set
before that only.
"""

from __future__ import annotations

import os
import sys
import warnings

_POLICY = "OMP_WAIT_POLICY"
_SPINS = "GOMP_SPINCOUNT"
_BRIEFLY = "10000"
"""Some 20 us. On 2 cores a forward pass of the embedded model took 0.096 s, and 0.153 s where threads never
spin; beside a busy loop 0.36 s and 0.21 s, and 0.63 s with ten times as many spins."""


def wait_quietly() -> None:
    """Ask for threads that give their core away soon, unless the user asks for something else.

    At once where the machine is busy, or where torch comes with another library of threads than GNU's, which
    spins for far longer. Does nothing once torch is loaded.
    """
    if "torch" in sys.modules or _POLICY in os.environ or _SPINS in os.environ:
        return
    if sys.platform == "linux" and not _is_busy():
        os.environ[_SPINS] = _BRIEFLY
    else:
        os.environ[_POLICY] = "PASSIVE"


def warn_where_they_spin() -> None:
    """Warn where torch was loaded before that could be asked for, and other programs want the same cores."""
    if _POLICY not in os.environ and _SPINS not in os.environ and _is_busy():
        warnings.warn(
            f"This machine is busy (a load of {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores), and torch "
            "was imported before workbench, so its threads spin while they wait: on a CPU all may take "
            "several times as long. Set "
            f"{_POLICY}=PASSIVE before Python starts, or import workbench before torch.",
            stacklevel=3,
        )


def _is_busy() -> bool:
    """Whether other programs want more than half of the cores."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 1) / 2
