# SPDX-License-Identifier: Apache-2.0
"""Group `scale`: launches and copies as clients and threads become many. The floor of each figure is that of one client."""

from callpath_group import figure

AIMS = [("scale-(launch|copy)-clients-64", "ratio", ">=", 1)]


def curve(stage, effort, add, work, kind, counts):
    unit, scale = ("M/s", 1e6) if work == "launch" else ("GB/s", 1e9)
    milliseconds = effort.pick(100, 300, 1000)
    one = None
    for count in counts:
        command = (stage.program("scale"), work, kind, count, milliseconds)
        bare = work == "bare"
        text = stage.straight("null", *command) if bare else stage.remoted("null", "shm", *command, seconds=240)
        rate = figure(text, "rate") / scale
        one = one or rate
        add(f"scale-{work}-{kind}-{count}", rate, unit, one)


def clients(stage, effort, add, _take):
    """1 to 64 client processes of one daemon, each with a worker of its own"""
    for work in ("launch", "copy", "bare"):
        curve(stage, effort, add, work, "clients", effort.pick((1, 4), (1, 4, 64), (1, 2, 4, 8, 16, 32, 64)))


def threads(stage, effort, add, _take):
    """1 to 16 threads in one client"""
    for work in ("launch", "copy"):
        curve(stage, effort, add, work, "threads", effort.pick((1, 2), (1, 4, 16), (1, 2, 4, 8, 16)))


PARTS = [clients, threads]
