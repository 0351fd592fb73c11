"""How torch's threads wait: not by spinning, which takes the cores from those that work.

On a busy machine a forward pass of the embedded model then takes about ten times as long. The policy is read
when torch is loaded, so it can be set before that only.
"""

from __future__ import annotations

import os
import sys
import warnings

_POLICY = "OMP_WAIT_POLICY"


def wait_quietly() -> None:
    """Ask for threads that give their core away while they wait, unless the user asks for something else.

    Does nothing once torch is loaded.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault(_POLICY, "PASSIVE")


def warn_where_they_spin() -> None:
    """Warn where torch was loaded before that could be asked for, and other programs want the same cores."""
    if _POLICY in os.environ or not hasattr(os, "getloadavg"):
        return
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        warnings.warn(
            f"This machine is busy (a load of {load:.1f} on {cores} cores), and torch was imported before "
            f"workbench, so its threads spin while they wait: on a CPU all may take several times as "
            f"long. Set {_POLICY}=PASSIVE before Python starts, or import workbench before torch.",
            stacklevel=3,
        )
