// SPDX-License-Identifier: Apache-2.0
// What of the slice is in use, and by whom.
#include "remoting/nvml/library.h"

#include <algorithm>

namespace vgpu::nvml
{
namespace
{

uint64_t free_of(const Slice &slice)
{
    return slice.memory - std::min(slice.memory, slice.memory_used);
}

void put(const Process &process, ProcessInfoV1 &to)
{
    to = {process.pid, process.memory};
}

void put(const Process &process, ProcessInfo &to)
{
    to = {process.pid, process.memory, kNotAvailable, kNotAvailable};
}

void put(const Process &process, ProcessDetail &to)
{
    to = {process.pid, process.memory, kNotAvailable, kNotAvailable, 0};
}

template<class Info>
Result put_processes(Handle device, unsigned *count, Info *infos)
{
    need(count);
    const Slice slice = Library::get().now(device);
    const auto n = unsigned(slice.processes.size()), room = *count;
    *count = n;
    if (n > room)
        return kInsufficientSize;
    if (n)
        need(infos);
    for (unsigned i = 0; i < n; ++i)
        put(slice.processes[i], infos[i]);
    return kSuccess;
}

template<class Info>
Result put_no_processes(Handle device, unsigned *count, Info *)
{
    need(count);
    Library::get().index(device);
    *count = 0;
    return kSuccess;
}

} // namespace

Result nvmlDeviceGetMemoryInfo(Handle device, Memory *memory)
{
    need(memory);
    const Slice slice = Library::get().now(device);
    *memory = {slice.memory, free_of(slice), slice.memory_used};
    return kSuccess;
}

Result nvmlDeviceGetMemoryInfo_v2(Handle device, MemoryV2 *memory)
{
    need(memory);
    if (memory->version != versioned<MemoryV2>(2))
        return kVersionMismatch;
    const Slice slice = Library::get().now(device);
    *memory = {memory->version, slice.memory, 0, free_of(slice), slice.memory_used};
    return kSuccess;
}

// Of a slice with a share of its own vgpud knows what it took; without one, the device's load is
// what the GPU node reads, if it does.
Result nvmlDeviceGetUtilizationRates(Handle device, Utilization *utilization)
{
    need(utilization);
    const Slice slice = Library::get().now(device);
    const auto gpu = slice.readings.find("utilization.gpu");
    const auto memory = slice.readings.find("utilization.memory");
    if (slice.utilisation < 0 && gpu == slice.readings.end())
        return kNotSupported;
    utilization->gpu = slice.utilisation < 0 ? unsigned(gpu->second) : unsigned(slice.utilisation);
    utilization->memory = memory == slice.readings.end() ? 0 : unsigned(memory->second);
    return kSuccess;
}

Result nvmlDeviceGetComputeRunningProcesses_v3(Handle device, unsigned *count, ProcessInfo *infos)
{
    return put_processes(device, count, infos);
}

Result nvmlDeviceGetComputeRunningProcesses(Handle device, unsigned *count, ProcessInfoV1 *infos)
{
    return put_processes(device, count, infos);
}

Result nvmlDeviceGetRunningProcessDetailList(Handle device, ProcessDetails *list)
{
    need(list);
    if (list->version != versioned<ProcessDetails>(1))
        return kVersionMismatch;
    if (list->mode > 3)
        return kInvalidArgument;
    const bool compute = list->mode == 0 || list->mode == 3;
    return compute ? put_processes(device, &list->count, list->processes)
                   : put_no_processes(device, &list->count, list->processes);
}

Result nvmlDeviceGetGraphicsRunningProcesses_v3(Handle device, unsigned *count, ProcessInfo *infos)
{
    return put_no_processes(device, count, infos);
}

Result nvmlDeviceGetGraphicsRunningProcesses(Handle device, unsigned *count, ProcessInfoV1 *infos)
{
    return put_no_processes(device, count, infos);
}

Result nvmlDeviceGetTemperatureV(Handle device, Temperature *temperature)
{
    need(temperature);
    if (temperature->version != versioned<Temperature>(1))
        return kVersionMismatch;
    unsigned degrees = 0;
    const Result result =
        read_kind("nvmlDeviceGetTemperature", 1, device, temperature->sensor, &degrees);
    if (result == kSuccess)
        temperature->degrees = int(degrees);
    return result;
}

// The call itself works, each field says for itself whether it is known: none is.
Result nvmlDeviceGetFieldValues(Handle device, int count, FieldValue *values)
{
    need(values);
    Library::get().index(device);
    if (count <= 0)
        return kInvalidArgument;
    for (int i = 0; i < count; ++i)
        values[i].result = kNotSupported;
    return kSuccess;
}

} // namespace vgpu::nvml
