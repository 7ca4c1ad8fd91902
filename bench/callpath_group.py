# SPDX-License-Identifier: Apache-2.0
"""Group `callpath`: what remoting costs a call, a copy, a program and the node."""

import re
import shutil
import statistics
from pathlib import Path

from stage import Effort, Failed, say

AIMS = [
    ("sync-shm-p50", "ratio", "<=", 2), ("sync-shm-p99", "ratio", "<=", 5), ("sync-tcp-p50", "ratio", "<=", 1.3),
    ("sync-tcp-beside-copy-p99", "ratio", "<=", 3),
    ("sync-tcp-beside-copy-out-p99", "ratio", "<=", 3),
    ("launch-shm-cpu", "value", "<=", 150), ("launch-shm-rate", "value", ">=", 2), ("launch-tcp-rate", "value", ">=", 0.5),
    ("round-trips-step", "value", "<=", 1), ("round-trips-first-result", "value", "<=", 12),
    ("copy-pinned-shm-soft-(in|out)-\\d+M", "ratio", ">=", 0.9), ("copy-pageable-shm-.*-128M", "ratio", ">=", 0.75),
    ("copy-.*-tcp-.*-\\d+M", "ratio", ">=", 0.9),
    ("program-long-kernels", "ratio", "<=", 1.02), ("program-tiny-launches", "ratio", "<=", 1.15),
    ("worker-memory", "value", "<=", 25), ("session-start", "value", "<=", 30), ("load-only", "value", "<=", 1),
]


def channels(stage, effort, _add, take):
    """a channel alone, beside a bare ring and a bare socket"""
    for channel in ("shm", "tcp"):
        take(stage.local(stage.program("channel"), channel, effort.pick(1, 5, 25)))


def calls(stage, effort, _add, take):
    """synchronous calls and launches into the null driver, over shared memory and TCP"""
    for channel in ("shm", "tcp"):
        take(stage.remoted("null", channel, stage.program("callpath"), "calls", channel, effort.pick(1, 5, 25)))


def copies(stage, effort, _add, take):
    """copies of pinned and pageable memory beside memcpy and a bare socket"""
    sizes = effort.pick(["64", "1024"], ["64", "1024", "131072"], ["64", "1024", "16384", "131072"])
    rounds = effort.pick(1, 3, 7)
    for memory, driver, channel in (("pinned", "soft", "shm"), ("pageable", "null", "shm"), ("pageable", "soft", "shm"),
                                    ("pinned", "null", "tcp"), ("pageable", "null", "tcp")):
        take(stage.remoted(driver, channel, stage.program("callpath"), "copies", f"{channel}-{driver}", rounds, memory, *sizes,
                           seconds=300))


def managed(stage, effort, _add, take):
    """a launch and a wait with 64 MiB of managed memory, beside the same without; and with one MiB of it changed; and for a page, beside
    the fault by which page protection would learn of it"""
    for channel in ("shm", "tcp"):
        take(stage.remoted("soft", channel, stage.program("callpath"), "managed", channel, effort.pick(1, 10, 50)))


def crowd(stage, effort, _add, take):
    """a synchronous call while another stream copies 1 GiB each way, beside the call alone"""
    for channel in ("shm", "tcp"):
        take(stage.remoted("null", channel, stage.program("callpath"), "crowded", channel, effort.pick(16, 256, 1024)))


def figure(done, name="seconds"):
    match = re.search(rf"\b{name} (\S+)", done.stdout)
    if not match:
        raise Failed(f"no {name} in: {done.stdout.strip()[:200]}")
    return float(match[1])


def compare(stage, rounds, *command):
    """Medians of a program's time remoted over shared memory and straight on the software GPU, run in turns."""
    remoted, straight = [], []
    for _ in range(rounds):
        one = stage.straight("soft", stage.program("callpath"), *command)
        other = stage.remoted("soft", "shm", stage.program("callpath"), *command)
        if figure(one, "result") != figure(other, "result"):
            raise Failed(f"not the same result: straight {one.stdout.strip()}, remoted {other.stdout.strip()}")
        straight.append(figure(one))
        remoted.append(figure(other))
    return statistics.median(remoted), statistics.median(straight)


def programs(stage, effort, add, _take):
    """programs on the software GPU, remoted beside straight: kernels of 100 us and more, and 10,000 tiny launches"""
    rounds, trial = effort.pick(1, 3, 7), 20_000
    # The best of some: a kernel must not be shorter than it should be because the machine was busy now.
    one = min(figure(stage.straight("soft", stage.program("callpath"), "launches", 20, trial)) / 20 for _ in range(5))
    turns = max(1, int(trial * 120e-6 / one))
    for name, count, each in (("program-long-kernels", effort.pick(20, 500, 2000), turns),
                              ("program-tiny-launches", effort.pick(200, 10_000, 10_000), 1)):
        remoted, straight = compare(stage, rounds, "launches", count, each)
        add(name, remoted * 1e3, "ms", straight * 1e3)


def resident(pid):
    """MiB of a process in memory."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s*(\d+)", text)[1]) / 1024


def descendants(pid):
    for child in " ".join(p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/children")).split():
        yield int(child)
        yield from descendants(child)


def named(pid, name):
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip().startswith(name)


def opened(process):
    """Seconds that the program says its session took to open; it waits for the end of its input then."""
    said = process.stdout.readline().split()
    if len(said) != 2:
        process.kill()
        raise Failed("no session was opened: the reason is above")
    return float(said[1])


def sessions(stage, effort, add, _take):
    """an idle session: the worker's memory and the time to open it, beyond the driver's own"""
    command = [stage.program("callpath"), "idle"]
    memory, own_memory, took, own_took = [], [], [], []
    for _ in range(effort.pick(1, 3, 9)):
        with stage.start(command, env={"LD_LIBRARY_PATH": str(stage.lib / "soft")}) as straight:
            own_took.append(opened(straight))
            own_memory.append(resident(straight.pid))
            straight.communicate()
        with stage.start(command, "soft") as remoted:
            took.append(opened(remoted))
            workers = [pid for pid in descendants(remoted.pid) if named(pid, "vgpustepd")]
            if not workers:
                raise Failed("the worker was not found among vgpu-run's descendants")
            memory.append(resident(workers[0]))
            remoted.communicate()
    own, own_time = statistics.median(own_memory), statistics.median(own_took) * 1e3
    add("worker-memory", statistics.median(memory) - own, "MiB", own)
    add("session-start", statistics.median(took) * 1e3 - own_time, "ms", own_time)


def loading(stage, _effort, add, _take):
    """the loader's time for libcuda.so.1 in a program that makes no CUDA call, beside SQLite's"""
    program = stage.program("callpath")
    cost = lambda library: figure(stage.straight("null", program, "load", library)) * 1e3
    # callpath itself links libcuda.so.1: what is loaded is the file under another name.
    other = stage.root / "libother.so"
    if not other.exists():
        shutil.copy(stage.lib / "libcuda.so.1", other)
    add("load-only", cost(other), "ms", cost("libsqlite3.so.0"))


def instructions(stage, effort, add, _take):
    """instructions of a launch and of a synchronous call on the client's side, by callgrind"""
    if effort is Effort.SMOKE:
        return  # valgrind need not be here, nor know this processor
    if not shutil.which("valgrind"):
        say("left out: no valgrind here")
        return
    for name, channel, function in (("instructions-launch-shm", "shm", "cuLaunchKernel"), ("instructions-launch-tcp", "tcp", "cuLaunchKernel"),
                                    ("instructions-sync-tcp", "tcp", "cuCtxSynchronize")):
        out = stage.root / f"{name}.out"
        rounds = effort.pick(1, 1, 3)
        stage.remoted("null", channel, "valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect={function}",
                      stage.program("callpath"), "count", rounds, seconds=300)
        text = out.read_text(encoding="utf-8", errors="replace")
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if not total:
            raise Failed(f"no total in callgrind's output for {function}")
        add(name, int(total[1]) / (1000 * rounds), "instr", 0)


PARTS = [channels, calls, copies, managed, crowd, programs, sessions, loading, instructions]
