"""What holds for every test: no network, no hub, one thread, reproducible examples.

OMP_NUM_THREADS=2 gives tests two threads. WORKBENCH_TEST_ORDER=7 shuffles them, with 7 as the seed.
"""

from __future__ import annotations

import os

# Before anything imports a library that reads them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["WORKBENCH_CHECK_SHAPES"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait give their core away

import ipaddress
import random
import sys
from pathlib import Path
from typing import Any

# Before nnsight, which gives every object a method that beartype cannot take in.
import beartype  # noqa: F401
import hypothesis
import pytest

THREADS = int(os.environ["OMP_NUM_THREADS"])
ORDER = os.environ.get("WORKBENCH_TEST_ORDER", "")

hypothesis.settings.register_profile("workbench", deadline=None, derandomize=True)
hypothesis.settings.load_profile("workbench")


class NetworkUsed(Exception):
    """A test reached for another machine."""


def _is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).split("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket: a path on this machine
        host = address[0]
    else:
        return
    if not _is_loopback(host):
        raise NetworkUsed(f"{event} to {host!r}: tests must run on a machine without a network")


def pytest_report_header() -> str:
    order = f"WORKBENCH_TEST_ORDER={ORDER}" if ORDER else "as written"
    return f"threads: {THREADS}, order: {order}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks first, since they take longest: at the end, one process would wait for the other.

    Or in random order: files are shuffled, and the tests of each, so that what they share is made once.
    """
    if not ORDER:
        items.sort(key=lambda item: item.get_closest_marker("notebook") is None)
        return
    shuffled = random.Random(ORDER)
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    parts = list(files.values())
    shuffled.shuffle(parts)
    for part in parts:
        shuffled.shuffle(part)
    items[:] = [item for part in parts for item in part]


@pytest.fixture(scope="session", autouse=True)
def no_network() -> None:
    """Refuse every connection that leaves this machine, for the rest of the process."""
    sys.addaudithook(_refuse_network)


@pytest.fixture(scope="session", autouse=True)
def threads() -> None:
    """The tests run beside each other, one process a core."""
    import torch

    torch.set_num_threads(THREADS)
