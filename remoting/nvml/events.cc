// SPDX-License-Identifier: Apache-2.0
// Sets of events. No device supports any, so nothing can be registered, and a wait only takes its
// time.
#include "remoting/nvml/library.h"

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace vgpu::nvml
{
namespace
{

std::mutex mutex;
std::set<EventSet> sets;
uintptr_t last;

bool known(EventSet set)
{
    std::scoped_lock lock(mutex);
    return sets.contains(set);
}

} // namespace

Result nvmlDeviceGetSupportedEventTypes(Handle device, unsigned long long *types)
{
    need(types);
    Library::get().index(device);
    *types = 0;
    return kSuccess;
}

Result nvmlDeviceRegisterEvents(Handle device, unsigned long long types, EventSet set)
{
    Library::get().index(device);
    if (!known(set))
        return kInvalidArgument;
    return types ? kNotSupported : kSuccess;
}

Result nvmlEventSetCreate(EventSet *set)
{
    need(set);
    std::scoped_lock lock(mutex);
    *set = reinterpret_cast<EventSet>(++last);
    sets.insert(*set);
    return kSuccess;
}

Result nvmlEventSetWait_v2(EventSet set, EventData *data, unsigned timeout_ms)
{
    need(data);
    if (!known(set))
        return kInvalidArgument;
    std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
    return kTimeout;
}

Result nvmlEventSetFree(EventSet set)
{
    std::scoped_lock lock(mutex);
    return sets.erase(set) ? kSuccess : kInvalidArgument;
}

} // namespace vgpu::nvml
