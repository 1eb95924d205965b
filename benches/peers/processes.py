"""Processes: pinning them to CPUs, measuring their cost, and ending them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cpus:
    """The CPU that servers are pinned to, and the one that the client is pinned to."""

    server: int
    client: int

    def for_threads(self, count: int) -> str:
        """CPUs for a server with this many threads; the client's is the last to be taken."""
        others = sorted(os.sched_getaffinity(0) - {self.server, self.client})
        chosen = [self.server, *others, self.client][:count]
        return ",".join(map(str, chosen))


def choose_cpus() -> Cpus:
    """Two of the CPUs this process may run on, on different physical cores if possible."""
    allowed = sorted(os.sched_getaffinity(0))
    server = allowed[0]
    others = [cpu for cpu in allowed if cpu != server]
    if not others:
        raise SystemExit("two CPUs are needed: one for the server, one for the client")
    siblings = thread_siblings(server)
    return Cpus(server, next((cpu for cpu in others if cpu not in siblings), others[0]))


def thread_siblings(cpu: int) -> set[int]:
    """The CPUs that share a physical core with this one, itself among them."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        parts = path.read_text().strip().split(",")
    except OSError:
        return {cpu}
    siblings: set[int] = set()
    for part in parts:
        first, _, last = part.partition("-")
        siblings.update(range(int(first), int(last or first) + 1))
    return siblings


def pinned(cpu: int | str, command: list[str]) -> list[str]:
    """The command, pinned to one CPU (or a list of them) with all the threads and processes it will start."""
    return ["taskset", "-c", str(cpu), *command]


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that are used here."""

    pid: int
    parent: int
    #: CPU time of its own, and of children that have been waited for.
    ticks: int
    children_ticks: int


def stat(pid: int) -> Stat | None:
    """The process's Stat, or None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name, in parentheses, may contain any character; field 3 of proc(5) follows it.
    fields = text.rpartition(")")[2].split()
    own, children = (sum(map(int, fields[first : first + 2])) for first in (11, 13))
    return Stat(pid, parent=int(fields[1]), ticks=own, children_ticks=children)


def tree(root: int) -> list[Stat]:
    """The process and its descendants."""
    everyone = [stat(int(entry)) for entry in os.listdir("/proc") if entry.isdecimal()]
    children: dict[int, list[Stat]] = {}
    found: list[Stat] = []
    for process in filter(None, everyone):
        children.setdefault(process.parent, []).append(process)
        if process.pid == root:
            found.append(process)
    for process in found:  # The list grows during the loop.
        found.extend(children.get(process.pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time so far of the process and its descendants."""
    return sum(
        own_cpu_seconds(process) + process.children_ticks / TICKS_PER_SECOND
        for process in tree(root)
    )


def own_cpu_seconds(process: Stat) -> float:
    """CPU time of all threads of one process, in nanoseconds where /proc has ticks of 10 ms.

    The number of a process's CPU clock is that of clock_getcpuclockid(3) in the C library.
    """
    try:
        return time.clock_gettime((~process.pid << 3) | 2)
    except OSError:  # It has just ended.
        return process.ticks / TICKS_PER_SECOND


def peak_memory(root: int) -> int:
    """Peak resident bytes of the workers."""
    return workers_memory(root, "VmHWM:")


def memory_now(root: int) -> int:
    """Resident bytes of the workers."""
    return workers_memory(root, "VmRSS:")


def workers_memory(root: int, field: str) -> int:
    """A field of the workers' memory in bytes; workers are processes of the tree without children."""
    processes = tree(root)
    parents = {process.parent for process in processes}
    return sum(
        memory_field(process.pid, field) for process in processes if process.pid not in parents
    )


def memory_field(pid: int, field: str) -> int:
    """A field of one process in bytes; 0 if it has just ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in its own session, with everything it started.

    It gets SIGTERM first, so that nginx waits for its worker. Otherwise process 1 would
    have to, which in a container may never happen.
    """
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
