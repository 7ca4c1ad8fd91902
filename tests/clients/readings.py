# SPDX-License-Identifier: Apache-2.0
"""The readings of the library that clients.bats puts on the GPU node, as pynvml gets them here."""
import time

import pynvml as nvml


def refused(call, *arguments):
    try:
        call(*arguments)
    except nvml.NVMLError_NotSupported:
        return True
    return False


def main():
    nvml.nvmlInit()
    device = nvml.nvmlDeviceGetHandleByIndex(0)
    deadline = time.monotonic() + 60
    while refused(nvml.nvmlDeviceGetPowerUsage, device):
        assert time.monotonic() < deadline, "the GPU node never read anything"
    assert nvml.nvmlDeviceGetPowerUsage(device) == 70000
    assert nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU) == 41
    assert nvml.nvmlDeviceGetClockInfo(device, nvml.NVML_CLOCK_MEM) == 1002
    assert nvml.nvmlDeviceGetEccMode(device) == [1, 0]
    assert nvml.nvmlDeviceGetTotalEnergyConsumption(device) == 1 << 40
    rates = nvml.nvmlDeviceGetUtilizationRates(device)
    assert rates.memory == 20, rates.memory
    assert refused(nvml.nvmlDeviceGetFanSpeed, device)
    nvml.nvmlShutdown()
    nvml.nvmlInit()  # versions are as they were at the start
    assert nvml.nvmlSystemGetDriverVersion() == "580.65.06"
    assert nvml.nvmlSystemGetNVMLVersion() == "13.580.65.06"
    print("ok")


main()
