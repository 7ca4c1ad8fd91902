// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"

#include <algorithm>
#include <map>

namespace vgpu::soft::driver
{
namespace
{

struct Amount {
    size_t now = 0, high = 0;

    void add(size_t bytes)
    {
        now += bytes;
        high = std::max(high, now);
    }
};

struct Usage {
    Amount used, reserved;
};

std::mutex lock; ///< guards both
std::map<int, Usage> usage;
std::map<uint64_t, std::weak_ptr<GraphMemory>> known;

} // namespace

GraphMemory::GraphMemory(Device &device, size_t bytes, uint64_t address)
    : device(device), address(address), bytes(bytes), mapped_(round_up(bytes, kPage))
{
}

std::shared_ptr<GraphMemory> GraphMemory::create(Device &device, size_t bytes)
{
    require(bytes != 0);
    require(bytes <= device.memory, CUDA_ERROR_OUT_OF_MEMORY);
    uint64_t address = map_pages(round_up(bytes, kPage));
    std::shared_ptr<GraphMemory> memory(new GraphMemory(device, bytes, address));
    // Copies are checked when they are put into a graph, long before it runs.
    machine().allocations.add(
        {address, bytes, 0, Allocation::Origin::graph, device.ordinal, 0, 0, true});
    std::lock_guard hold(lock);
    known[address] = memory;
    return memory;
}

GraphMemory::~GraphMemory()
{
    {
        std::lock_guard hold(lock);
        known.erase(address);
    }
    end();
    machine().allocations.take(address);
    trim();
    unmap_pages(address, mapped_);
}

bool GraphMemory::outstanding() const
{
    std::lock_guard hold(lock_);
    return outstanding_;
}

void GraphMemory::launch(bool freed)
{
    std::lock_guard hold(lock_);
    if (!charged_) {
        device.charge(mapped_);
        charged_ = true;
        std::lock_guard count(lock);
        usage[device.ordinal].reserved.add(mapped_);
    }
    pending_++;
    outstanding_ = !freed;
    if (outstanding_)
        self_ = shared_from_this();
}

void GraphMemory::free()
{
    std::lock_guard hold(lock_);
    require(outstanding_);
    outstanding_ = false;
    self_.reset(); // the caller's pointer keeps it
}

void GraphMemory::begin()
{
    std::lock_guard hold(lock_);
    pending_--;
    if (live_)
        return;
    machine().memory.add({address, address + bytes, true});
    live_ = true;
    std::lock_guard count(lock);
    usage[device.ordinal].used.add(mapped_);
}

void GraphMemory::end()
{
    std::lock_guard hold(lock_);
    if (!live_)
        return;
    machine().memory.remove(address);
    live_ = false;
    std::lock_guard count(lock);
    usage[device.ordinal].used.now -= mapped_;
}

bool GraphMemory::trim()
{
    std::lock_guard hold(lock_);
    if (!charged_ || live_ || outstanding_ || pending_)
        return false;
    device.refund(mapped_);
    charged_ = false;
    std::lock_guard count(lock);
    usage[device.ordinal].reserved.now -= mapped_;
    return true;
}

std::shared_ptr<GraphMemory> GraphMemory::find(uint64_t address)
{
    std::lock_guard hold(lock);
    auto it = known.find(address);
    return it == known.end() ? nullptr : it->second.lock();
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuDeviceGraphMemTrim(CUdevice ordinal)
{
    ENTRY({
        Device &device = machine().device(ordinal);
        std::vector<std::shared_ptr<GraphMemory>> list;
        {
            std::lock_guard hold(lock);
            for (auto &[address, memory] : known)
                list.push_back(memory.lock());
        }
        for (auto &memory : list)
            if (memory && &memory->device == &device)
                memory->trim();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceGetGraphMemAttribute(CUdevice ordinal,
                                                          CUgraphMem_attribute attribute,
                                                          void *value)
{
    ENTRY({
        machine().device(ordinal);
        require(value != nullptr);
        std::lock_guard hold(lock);
        Usage &it = usage[ordinal];
        auto *out = static_cast<cuuint64_t *>(value);
        switch (attribute) {
        case CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT:
            *out = it.used.now;
            break;
        case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH:
            *out = it.used.high;
            break;
        case CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT:
            *out = it.reserved.now;
            break;
        case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH:
            *out = it.reserved.high;
            break;
        default:
            require(false);
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuDeviceSetGraphMemAttribute(CUdevice ordinal,
                                                          CUgraphMem_attribute attribute,
                                                          void *value)
{
    ENTRY({
        machine().device(ordinal);
        // The peaks can be set to where they stand, and to nothing else.
        require(value && *static_cast<cuuint64_t *>(value) == 0);
        std::lock_guard hold(lock);
        Usage &it = usage[ordinal];
        if (attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH)
            it.used.high = it.used.now;
        else if (attribute == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH)
            it.reserved.high = it.reserved.now;
        else
            require(false);
    });
}
