# SPDX-License-Identifier: Apache-2.0
"""Group `link`: a training-like loop over a network that is made slower inside the client's channel (VGPU_TEST_LINK), from 0 to 30 ms of
round-trip time and 1 to 100 Gb/s. The floor of each figure is what the model predicts: the time without the link, plus a round-trip time
for each round trip waited for, plus the bytes at the link's rate."""

import re
import statistics

from callpath_group import figure
from stage import Failed

# Where the link is most of the time, the model must say how long.
AIMS = [("link-\\d+G-(5|10|20|30)ms", "ratio", "<=", 1.25)]
TOTALS = re.compile(r"test link: (\d+) round trips, \d+ messages and (\d+) bytes out, (\d+) bytes in")


def over(stage, link, *command, driver="null"):
    """Seconds the program says, and what its channel counted: round trips, bytes out, bytes in."""
    done = stage.remoted(driver, "tcp", stage.program("callpath"), *command, env={"VGPU_TEST_LINK": link, "VGPU_LOG_LEVEL": "info"})
    found = TOTALS.search(done.stderr)
    if not found:
        raise Failed(f"the channel told no totals: {done.stderr.strip()[-300:]}")
    return done, [int(number) for number in found.groups()]


def round_trips(stage, _effort, add, _take):
    """round trips: to a first kernel's result, and of one training-like step"""
    done, first = over(stage, "rtt=0", "first", driver="soft")
    if "result 42" not in done.stdout:
        raise Failed(f"the first kernel's program said: {done.stdout}")
    add("round-trips-first-result", first[0], "trips", 12)
    few, many = over(stage, "rtt=0", "steps", 10)[1], over(stage, "rtt=0", "steps", 30)[1]
    add("round-trips-step", (many[0] - few[0]) / 20, "trips", 1)


def link(stage, effort, add, _take):
    """end-to-end time against round-trip time and bandwidth, beside the model's prediction"""
    steps = effort.pick(5, 20, 50)
    # So fast a link takes no time: what the emulation itself costs is in the base as it is in each figure.
    free = "rate=1000G"
    none = over(stage, free, "steps", 0)[1]
    base, trips, out, into = [], 0, 0, 0
    for _ in range(effort.pick(1, 3, 5)):
        done, totals = over(stage, free, "steps", steps)
        base.append(figure(done))
        trips, out, into = (a - b for a, b in zip(totals, none))
    alone = statistics.median(base)
    for rate in effort.pick((10,), (1, 100), (1, 10, 40, 100)):
        for rtt in effort.pick((1,), (0, 1, 10, 30), (0, 0.1, 0.5, 1, 2, 5, 10, 20, 30)):
            took = statistics.median(figure(over(stage, f"rtt={rtt}ms,rate={rate}G", "steps", steps)[0]) for _ in range(effort.pick(1, 1, 3)))
            predicted = alone + trips * rtt / 1e3 + (out + into) * 8 / (rate * 1e9)
            add(f"link-{rate}G-{rtt}ms", took * 1e3, "ms", predicted * 1e3)

