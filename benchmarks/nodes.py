"""A run over two Ray nodes, each in a network of its own, one of which is lost: results/nodes.md.

    python -m benchmarks.nodes --out benchmarks/results/nodes.json

Two raylets in two network namespaces that a virtual cable joins, one CPU each, so that each holds one of the
two workers of `workbench run information_flow --workers 2`. At a random moment a worker or the whole second
node is killed outright (SIGKILL of every process in its namespace), or the cable is pulled. Fails where a
final table is not, byte for byte, that of one process. Needs root on Linux, for the namespaces.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.faults import Row, as_markdown
from benchmarks.saving import command
from tests.recipes.planted_folder import PlantedFolder, make_planted
from workbench.runs import load_run
from workbench.runs.manifest import provenance

SAMPLES = 24
PORT = 6379
ADDRESSES = ("10.213.77.1", "10.213.77.2")
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_WAIT_POLICY": "PASSIVE",
    "RAY_raylet_start_wait_time_s": "180",
}
OUTCOME = "nothing lost or doubled: the run ends by itself with the tables of one process, byte for byte"
HEAD, OTHER = 0, 1
NODES = (HEAD, OTHER)


class Injected(NamedTuple):
    """One run in which something was lost."""

    moment: int
    """Samples that were stored by then."""
    placed: list[int]
    """Workers on each node by then."""
    seconds: float
    """From the loss to the end of the run."""


def main(words: Sequence[str] | None = None) -> None:
    """Read the options, lose workers and nodes, and store the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--times", type=int, default=10, help="that a worker, and one of two nodes, is killed"
    )
    parser.add_argument(
        "--rarely", type=int, default=3, help="that each other fault is injected: these take long"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="FILE.json; the table is written beside it, as FILE.md")
    given = parser.parse_args(words)
    scratch = Path(tempfile.mkdtemp(prefix="wb"))
    try:
        result = _all(scratch, given.times, given.rarely, given.seed)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    table = as_markdown([Row(*row.values()) for row in result["faults"]])
    print(table)
    if given.out is not None:
        result = {**provenance(), "command": command(), "seed": given.seed, **result}
        given.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        head = f"# Lost workers and nodes of a run over two Ray nodes\n\nMade by `{command()}`.\n\n"
        given.out.with_suffix(".md").write_text(head + table + "\n", "utf-8")


def _all(scratch: Path, times: int, rarely: int, seed: int) -> dict[str, Any]:
    planted = make_planted(scratch / "planted", SAMPLES)
    subprocess.run(
        words(planted, scratch / "one"),
        check=True,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
    )
    expected = contents(scratch / "one")
    rows: list[dict[str, Any]] = []
    every: dict[str, list[dict[str, Any]]] = {}
    undisturbed = []
    for cpus, faults in FAULTS.items():
        with Cluster.up(scratch, cpus) as cluster:
            out = scratch / f"whole-{len(undisturbed)}"
            undisturbed.append(ran(cluster, planted, out, None)._asdict())
            if contents(out) != expected:
                sys.exit(f"Undisturbed, with CPUs {cpus}: the tables differ from those of one process.")
            for fault, inject in faults.items():
                drawn, begun = random.Random(f"{seed}/{fault}"), time.perf_counter()
                count = times if fault in OFTEN else rarely
                every[fault] = []
                for number in range(count):
                    out = scratch / f"run-{len(every)}-{number}"
                    moment = drawn.randrange(SAMPLES - 4)
                    found = ran(cluster, planted, out, moment, partial(inject, cluster, drawn))
                    print(f"{fault}: {found}", flush=True)
                    if contents(out) != expected:
                        sys.exit(f"{fault}, time {number}: the tables differ from those of one process.")
                    every[fault].append(found._asdict())
                    cluster.mend()
                rows.append(Row(fault, count, OUTCOME, time.perf_counter() - begun)._asdict())
    return {"samples": SAMPLES, "undisturbed": undisturbed, "faults": rows, "injected": every}


def words(planted: PlantedFolder, out: Path, *more: str) -> list[str]:
    """The command of a run; one sample at a time, so that there are many moments."""
    flows = ["question -> last", "frames -> later frames"]
    told = ["--flows", *flows, "--engine", "reference", "--device", "cpu", "--sample-pages", "0", *more]
    return [sys.executable, "-m", "workbench", *planted.words("information_flow", out, *told)]


def ran(
    cluster: Cluster,
    planted: PlantedFolder,
    out: Path,
    moment: int | None,
    inject: Callable[[], object] = lambda: None,
) -> Injected:
    """One run by two workers, and the fault once so many samples are stored."""
    told = ("--workers", "2", "--ray-address", f"{ADDRESSES[HEAD]}:{PORT}")
    with open(out.with_suffix(".log"), "w", encoding="utf-8") as log:
        run = cluster.start(HEAD, words(planted, out, *told), log)
        placed = [0, 0]
        while run.poll() is None and sum(placed) < 2:
            placed = [len(cluster.workers(node)) for node in NODES]
            time.sleep(0.02)
        while run.poll() is None and len(list(out.glob("shards/sample-*.json"))) < (moment or 0):
            time.sleep(0.005)
        if run.poll() is not None:
            sys.exit(f"The run ended too early:\n{out.with_suffix('.log').read_text('utf-8')}")
        begun = time.perf_counter()
        stored = len(list(out.glob("shards/sample-*.json")))
        inject()
        if run.wait(timeout=600):
            sys.exit(f"The run failed:\n{out.with_suffix('.log').read_text('utf-8')}")
    return Injected(stored, placed, time.perf_counter() - begun)


def contents(out: Path) -> dict[str, Any]:
    """All of a finished run that does not depend on the clock."""
    samples = load_run(out).samples.drop(columns=["seconds", "peak_gb"])
    names = ("effects.parquet", "skipped.csv", "pathways.csv")
    tables: dict[str, Any] = {name: (out / name).read_bytes() for name in names}
    return {**tables, "samples": samples.to_json(double_precision=15)}


class Cluster:
    """Two nodes in two namespaces, with so many CPUs each: places for workers."""

    def __init__(self, scratch: Path, cpus: tuple[int, int]) -> None:
        self._scratch, self._cpus = scratch, cpus
        self._spaces = [f"wb{os.getpid()}-{node}" for node in NODES]
        self._cables = [f"wb{os.getpid()}{node}" for node in NODES]
        self._started: list[subprocess.Popen[str]] = []

    @classmethod
    @contextmanager
    def up(cls, scratch: Path, cpus: tuple[int, int]) -> Iterator[Cluster]:
        """A cluster that runs while the context is open."""
        cluster = cls(scratch, cpus)
        try:
            cluster._join()
            cluster._ray("--head", "--port", str(PORT), "--include-dashboard", "false", node=HEAD)
            cluster.mend()
            yield cluster
        finally:
            for node in NODES:
                cluster._kill(node)
                subprocess.run(["ip", "netns", "del", cluster._spaces[node]], check=False)

    def start(self, node: int, command: Sequence[str], log: Any) -> subprocess.Popen[str]:
        """A process in a node's namespace."""
        environment = {**os.environ, **ENVIRONMENT}
        started = subprocess.Popen(
            ["ip", "netns", "exec", self._spaces[node], *command],
            env=environment, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._started.append(started)
        return started

    def workers(self, node: int) -> list[int]:
        """Processes of a node that are workers of a run."""
        found = []
        for pid in self._pids(node):
            try:
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::Worker"):
                found.append(pid)
        return found

    def lose_worker(self, drawn: random.Random) -> None:
        """One of the workers, of either node."""
        os.kill(drawn.choice([pid for node in NODES for pid in self.workers(node)]), signal.SIGKILL)

    def lose_node(self, drawn: random.Random) -> None:
        """Everything that runs on the second node."""
        self._kill(OTHER)

    def lose_node_for_a_while(self, drawn: random.Random) -> None:
        """As `lose_node`, and the node joins the cluster again."""
        self._kill(OTHER)
        time.sleep(drawn.uniform(0, 2))
        self._second()

    def cut_off(self, drawn: random.Random) -> None:
        """Nothing reaches the second node, nor comes from it; it goes on."""
        self._ip(OTHER, "link", "set", self._cables[OTHER], "down")

    def mend(self) -> None:
        """A second node with nothing of what was before."""
        self._kill(OTHER)
        self._ip(OTHER, "link", "set", self._cables[OTHER], "up")
        self._second()
        look = (
            "import ray, sys, time\n"
            "ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')\n"
            "while sum(node['Alive'] for node in ray.nodes()) != 2 or "
            "ray.available_resources().get('CPU') != 2:\n"
            "    time.sleep(0.1)\n"
        )
        asked = self.start(HEAD, [sys.executable, "-c", look, f"{ADDRESSES[HEAD]}:{PORT}"], None)
        if asked.wait(timeout=120):
            sys.exit("Two nodes of Ray do not find each other.")

    def _second(self) -> None:
        self._ray("--address", f"{ADDRESSES[HEAD]}:{PORT}", node=OTHER)

    def _ray(self, *more: str, node: int) -> None:
        told = [
            "--node-ip-address",
            ADDRESSES[node],
            "--num-cpus",
            str(self._cpus[node]),
            "--disable-usage-stats",
            "--block",
        ]
        program = str(Path(sys.executable).with_name("ray"))
        file = self._scratch / f"ray-{node}.log"
        with open(file, "w", encoding="utf-8") as log:
            started = self.start(node, [program, "start", *more, *told], log)
        while "Ray runtime started" not in file.read_text("utf-8"):
            if started.poll() is not None:
                sys.exit(f"Ray does not start:\n{file.read_text('utf-8')}")
            time.sleep(0.1)

    def _join(self) -> None:
        for space in self._spaces:
            subprocess.run(["ip", "netns", "add", space], check=True)
        ends = [["name", self._cables[node], "netns", self._spaces[node]] for node in NODES]
        subprocess.run(["ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1]], check=True)
        for node in NODES:
            self._ip(node, "addr", "add", f"{ADDRESSES[node]}/24", "dev", self._cables[node])
            for link in ("lo", self._cables[node]):
                self._ip(node, "link", "set", link, "up")

    def _ip(self, node: int, *command: str) -> None:
        subprocess.run(["ip", "-n", self._spaces[node], *command], check=True)

    def _pids(self, node: int) -> list[int]:
        listed = subprocess.run(
            ["ip", "netns", "pids", self._spaces[node]], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listed.stdout.split()]

    def _kill(self, node: int) -> None:
        while pids := self._pids(node):  # some start others meanwhile
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for started in self._started:
                started.poll()  # else they stay, as zombies
            time.sleep(0.05)


WORKER = "kill -9 of one of two Ray workers, on two nodes"
NODE = "one of two Ray nodes is lost: kill -9 of all its processes"
OFTEN = (WORKER, NODE)
FAULTS: dict[tuple[int, int], dict[str, Callable[[Cluster, random.Random], None]]] = {
    (1, 1): {
        WORKER: Cluster.lose_worker,
        NODE: Cluster.lose_node,
        "one of two Ray nodes is cut off from the other: its cable is pulled": Cluster.cut_off,
    },
    (0, 2): {"the only Ray node with workers is lost, and comes back": Cluster.lose_node_for_a_while},
}


if __name__ == "__main__":
    main()
