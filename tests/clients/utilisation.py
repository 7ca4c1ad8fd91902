# SPDX-License-Identifier: Apache-2.0
"""Which slice is busy, as pynvml says it, while the program that PROGRAM names runs on the first of two slices that share one
device: that one, and not its neighbour."""
import os
import subprocess
import time

import pynvml as nvml

DEADLINE = time.monotonic() + 120


def gpu(index):
    return nvml.nvmlDeviceGetUtilizationRates(nvml.nvmlDeviceGetHandleByIndex(index)).gpu


def wait_until(condition, what):
    while not condition():
        assert time.monotonic() < DEADLINE, f"{what}: {gpu(0)} % and {gpu(1)} %"
        time.sleep(0.05)


nvml.nvmlInit()
assert nvml.nvmlDeviceGetCount() == 2
assert gpu(0) == 0 and gpu(1) == 0
worker = subprocess.Popen(["sh", "-c", "while \"$PROGRAM\" >/dev/null; do :; done"], env=os.environ, start_new_session=True)
try:
    wait_until(lambda: gpu(0) > 5, "the first slice is busy")
    assert gpu(1) == 0, gpu(1)
finally:
    os.killpg(worker.pid, 9)
    worker.wait()
wait_until(lambda: gpu(0) == 0, "nobody works any more")
nvml.nvmlShutdown()
print("ok")
