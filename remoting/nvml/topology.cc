// SPDX-License-Identifier: Apache-2.0
// How slices lie to each other. What is known of that here is whether they are on one device.
#include "remoting/nvml/library.h"

namespace vgpu::nvml
{
namespace
{

constexpr unsigned kInternal = 0, kSystem = 50; // topology levels: the same board, the same host
constexpr unsigned kPeerOk = 0, kPeerUnknown = 6;
constexpr unsigned kPeerCapabilities = 5;

bool together(Handle one, Handle other)
{
    Library &library = Library::get();
    return library.slice(one).uuid == library.slice(other).uuid;
}

} // namespace

Result nvmlDeviceGetTopologyCommonAncestor(Handle one, Handle other, unsigned *level)
{
    need(level);
    *level = together(one, other) ? kInternal : kSystem;
    return kSuccess;
}

Result nvmlDeviceGetTopologyNearestGpus(Handle device, unsigned level, unsigned *count,
                                        Handle *devices)
{
    need(count);
    Library &library = Library::get();
    const unsigned own = library.index(device), room = *count;
    unsigned n = 0;
    for (unsigned i = 0; i < library.count(); ++i) {
        const Handle other = Library::handle(i);
        if (i == own || (together(device, other) ? kInternal : kSystem) != level)
            continue;
        if (n < room && devices)
            devices[n] = other;
        ++n;
    }
    *count = n;
    return room && n > room ? kInsufficientSize : kSuccess;
}

Result nvmlDeviceGetP2PStatus(Handle one, Handle other, unsigned capability, unsigned *status)
{
    need(status);
    if (capability >= kPeerCapabilities)
        return kInvalidArgument;
    *status = together(one, other) ? kPeerOk : kPeerUnknown;
    return kSuccess;
}

Result nvmlDeviceOnSameBoard(Handle one, Handle other, int *same)
{
    need(same);
    *same = together(one, other);
    return kSuccess;
}

} // namespace vgpu::nvml
