"""Kernels that start in no time: forked from a process that has imported what every notebook imports.

A forked kernel is as fresh as one that is started: no notebook ran before it in its process, and none will.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import sys
from typing import Any

from tests import ROOT

_IMPORTED = [
    "beartype",  # before nnsight: see conftest.py
    "ipykernel.kernelapp",
    "IPython.core.completer",
    "matplotlib_inline.backend_inline",
    "nnsight",
    "pandas",
    "plotly.graph_objects",
    "scipy.stats",
    "torch",
    "transformers.models.llama.modeling_llama",
    "transformers.models.llava_next_video.modeling_llava_next_video",
    "workbench.cli",
]


class ForkedKernel:
    """Stands in for the `subprocess.Popen` of a kernel."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], *, cwd: str, env: dict[str, str], **_: Any) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTED)
        ready, told = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(command, cwd, env, told))
        self._process.start()
        ready.recv()  # it leads a process group of its own now, which its manager will end

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()


def _run(
    command: list[str], folder: str, environment: dict[str, str], told: multiprocessing.connection.Connection
) -> None:
    """`python -m ipykernel_launcher ARGUMENTS`, in this process."""
    import pandas
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [str(ROOT)]
    pandas.set_option("display.max_columns", 20)  # as where it is imported in a notebook
    told.send(None)
    launch_new_instance(argv=command[command.index("-m") + 2 :])
