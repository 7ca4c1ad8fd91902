# SPDX-License-Identifier: Apache-2.0
"""pynvml's questions, asked under vgpu-run while this process has memory of its first slice; the answers are compared with
vgpu-smi's. Two slices of 512 MiB are expected, the second on a device of its own."""
import ctypes
import inspect
import json
import os
import subprocess
import time

import pynvml as nvml

MIB = 1 << 20


def refused(code, call, *arguments):
    try:
        call(*arguments)
    except nvml.NVMLError as error:
        assert error.value == code, (call.__name__, error.value)
        return
    raise AssertionError(f"{call.__name__} was not refused")


def ask_before_the_start():
    refused(nvml.NVML_ERROR_UNINITIALIZED, nvml.nvmlDeviceGetCount)
    refused(nvml.NVML_ERROR_UNINITIALIZED, nvml.nvmlShutdown)


def state():
    return json.loads(subprocess.run(["vgpu-smi", "--json"], check=True, capture_output=True).stdout)


def take_memory(cuda, mib):
    context, pointer = ctypes.c_void_p(), ctypes.c_uint64()
    assert cuda.cuInit(0) == 0
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0
    assert cuda.cuCtxSetCurrent(context) == 0
    assert cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(mib * MIB)) == 0


def identity(handle, index, row):
    assert nvml.nvmlDeviceGetIndex(handle) == index
    assert nvml.nvmlDeviceGetName(handle) == row["name"]
    assert nvml.nvmlDeviceGetUUID(handle) == row["uuid"]
    pci = nvml.nvmlDeviceGetPciInfo(handle)
    assert pci.busId.lower().endswith(row["pci"].lower()), (pci.busId, row["pci"])
    assert pci.busIdLegacy.lower() == row["pci"].lower()
    extended = nvml.nvmlPciInfoExt_v1_t(version=nvml.nvmlPciInfoExt_v1)
    nvml.nvmlDeviceGetPciInfoExt(handle, ctypes.byref(extended))
    assert (extended.domain, extended.bus, extended.device) == (pci.domain, pci.bus, pci.device)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    assert f"{major}.{minor}" == row["capability"]
    assert nvml.nvmlDeviceGetAttributes(handle).multiprocessorCount == row["units"]
    assert nvml.nvmlDeviceGetNumGpuCores(handle) == 64 * row["units"]
    assert nvml.nvmlDeviceGetArchitecture(handle) == nvml.NVML_DEVICE_ARCH_AMPERE
    assert nvml.nvmlDeviceGetComputeMode(handle) == nvml.NVML_COMPUTEMODE_DEFAULT
    for found in (nvml.nvmlDeviceGetHandleByUUID(row["uuid"]), nvml.nvmlDeviceGetHandleByPciBusId(row["pci"])):
        assert nvml.nvmlDeviceGetUUID(found) == row["uuid"]


def wait_for_memory(handle):
    """Answers may be some milliseconds old."""
    deadline = time.monotonic() + 60
    while nvml.nvmlDeviceGetMemoryInfo(handle).used == 0:
        assert time.monotonic() < deadline, "what was allocated never showed"


def memory(handle, row):
    one, two = nvml.nvmlDeviceGetMemoryInfo(handle), nvml.nvmlDeviceGetMemoryInfo(handle, nvml.nvmlMemory_v2)
    assert one.total == two.total == row["memory"] == 512 * MIB
    assert one.used == two.used == row["memory_used"]
    assert one.free == two.free == row["memory"] - row["memory_used"]


def processes(handles):
    for version in ("", "_v2", "_v3"):
        mine = getattr(nvml, "nvmlDeviceGetComputeRunningProcesses" + version)(handles[0])
        assert [(one.pid, one.usedGpuMemory) for one in mine] == [(os.getpid(), 64 * MIB)], mine
        assert getattr(nvml, "nvmlDeviceGetComputeRunningProcesses" + version)(handles[1]) == []
        assert getattr(nvml, "nvmlDeviceGetGraphicsRunningProcesses" + version)(handles[0]) == []
    assert os.path.realpath(nvml.nvmlSystemGetProcessName(os.getpid())) == os.path.realpath("/proc/self/exe")


def topology(handles):
    one, two = handles
    assert nvml.nvmlDeviceGetTopologyCommonAncestor(one, one) == nvml.NVML_TOPOLOGY_INTERNAL
    assert nvml.nvmlDeviceGetP2PStatus(one, one, 0) == nvml.NVML_P2P_STATUS_OK  # reads; pynvml's constant is a tuple
    assert len(nvml.nvmlDeviceGetTopologyNearestGpus(one, nvml.NVML_TOPOLOGY_INTERNAL)) + len(
        nvml.nvmlDeviceGetTopologyNearestGpus(one, nvml.NVML_TOPOLOGY_SYSTEM)) == 1
    assert nvml.nvmlDeviceGetTopologyCommonAncestor(one, two) in (nvml.NVML_TOPOLOGY_INTERNAL, nvml.NVML_TOPOLOGY_SYSTEM)


def events(handle):
    events = nvml.nvmlEventSetCreate()
    assert nvml.nvmlDeviceGetSupportedEventTypes(handle) == 0
    nvml.nvmlDeviceRegisterEvents(handle, 0, events)
    refused(nvml.NVML_ERROR_NOT_SUPPORTED, nvml.nvmlDeviceRegisterEvents, handle, nvml.nvmlEventTypeXidCriticalError, events)
    refused(nvml.NVML_ERROR_TIMEOUT, nvml.nvmlEventSetWait_v2, events, 1)
    nvml.nvmlEventSetFree(events)
    refused(nvml.NVML_ERROR_INVALID_ARGUMENT, nvml.nvmlEventSetWait_v2, events, 1)


def wrong_arguments():
    refused(nvml.NVML_ERROR_INVALID_ARGUMENT, nvml.nvmlDeviceGetHandleByIndex, 2)
    refused(nvml.NVML_ERROR_NOT_FOUND, nvml.nvmlDeviceGetHandleByUUID, "GPU-none")
    refused(nvml.NVML_ERROR_NOT_FOUND, nvml.nvmlDeviceGetHandleBySerial, "1")
    refused(nvml.NVML_ERROR_INVALID_ARGUMENT, nvml.nvmlDeviceGetHandleByPciBusId, "nowhere")
    refused(nvml.NVML_ERROR_INVALID_ARGUMENT, nvml.nvmlDeviceGetName, ctypes.c_void_p(12345))
    library = ctypes.CDLL("libnvidia-ml.so.1")
    assert library.nvmlDeviceGetCount_v2(None) == nvml.NVML_ERROR_INVALID_ARGUMENT
    name = ctypes.create_string_buffer(4)
    assert library.nvmlDeviceGetName(nvml.nvmlDeviceGetHandleByIndex(0), name, 4) == nvml.NVML_ERROR_INSUFFICIENT_SIZE


def all_that_take_a_device(handle):
    """None of them may crash, or answer something else than a value or one of NVML's codes."""
    asked = 0
    for name, call in inspect.getmembers(nvml, inspect.isfunction):
        if not name.startswith("nvmlDeviceGet") or len(inspect.signature(call).parameters) != 1 or "Handle" in name:
            continue
        try:
            call(handle)
        except nvml.NVMLError as error:
            assert error.value in (nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_INVALID_ARGUMENT), (name, error.value)
        asked += 1
    assert asked > 80, asked


def main():
    ask_before_the_start()
    nvml.nvmlInit()
    assert nvml.nvmlDeviceGetCount() == 2
    # Whatever CUDA shall see of them.
    os.environ["CUDA_VISIBLE_DEVICES"] = "0"
    before = state()
    assert before["sessions"] == [], "asking NVML starts no session"
    take_memory(ctypes.CDLL("libcuda.so.1"), 64)
    now = state()
    devices = {row["uuid"]: row for row in now["devices"]}
    slices = sorted(now["slices"], key=lambda row: row["index"])
    handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(2)]
    wait_for_memory(handles[0])
    for index, (handle, row) in enumerate(zip(handles, slices)):
        identity(handle, index, devices[row["device"]])
        memory(handle, row)
    assert nvml.nvmlSystemGetCudaDriverVersion() == int(float(devices[slices[0]["device"]]["driver"]) * 1000)
    assert nvml.nvmlSystemGetDriverVersion() in nvml.nvmlSystemGetNVMLVersion()
    processes(handles)
    topology(handles)
    events(handles[0])
    wrong_arguments()
    all_that_take_a_device(handles[0])
    assert nvml.nvmlDeviceGetFieldValues(handles[0], [nvml.NVML_FI_DEV_ECC_CURRENT])[0].nvmlReturn == nvml.NVML_ERROR_NOT_SUPPORTED
    nvml.nvmlInit()  # counted
    nvml.nvmlShutdown()
    assert nvml.nvmlDeviceGetCount() == 2
    nvml.nvmlShutdown()
    ask_before_the_start()
    print("ok")


main()
