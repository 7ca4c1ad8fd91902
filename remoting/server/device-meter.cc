// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/device-meter.h"

#include <dlfcn.h>
#include <unistd.h>
#include <vector>

namespace vgpu::server
{
namespace
{

// nvmlProcessInfo_t of the functions named _v3.
struct ProcessInfo {
    unsigned pid;
    unsigned long long bytes;
    unsigned gpu_instance, compute_instance;
};

constexpr unsigned long long kUnknown = ~0ull; // NVML_VALUE_NOT_AVAILABLE
constexpr uint64_t kMost = uint64_t(1) << 40;  // more is no sane answer
constexpr unsigned kMostProcesses = 4096;

} // namespace

bool DeviceMeter::open()
{
    if (tried_)
        return processes_;
    tried_ = true;
    // Open until the process ends, like the driver.
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    // Our own would tell of slices.
    if (!library || dlsym(library, "vgpuManagementVersion"))
        return false;
    auto init = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
    by_bus_ =
        reinterpret_cast<decltype(by_bus_)>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
    auto processes = reinterpret_cast<decltype(processes_)>(
        dlsym(library, "nvmlDeviceGetComputeRunningProcesses_v3"));
    if (init && by_bus_ && processes && init() == 0)
        processes_ = processes;
    return processes_;
}

uint64_t DeviceMeter::used(const Driver &driver, CUdevice device)
{
    char bus[32] = "";
    void *handle = nullptr;
    if (!open() || driver.cuDeviceGetPCIBusId(bus, sizeof(bus), device) != CUDA_SUCCESS ||
        by_bus_(bus, &handle) != 0)
        return 0;
    std::vector<ProcessInfo> infos(kMostProcesses);
    unsigned count = kMostProcesses;
    if (processes_(handle, &count, infos.data()) != 0 || count > kMostProcesses)
        return 0;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < count; ++i)
        if (infos[i].pid == unsigned(getpid()) && infos[i].bytes != kUnknown)
            bytes += infos[i].bytes;
    return bytes < kMost ? bytes : 0;
}

} // namespace vgpu::server
