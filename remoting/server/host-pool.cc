// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/host-pool.h"

#include "remoting/base/error.h"

#include <sys/mman.h>

namespace vgpu::server
{

Pinned::Pinned(const Driver &driver, size_t bytes, bool pin_now) : driver_(driver), bytes_(bytes)
{
    void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        fail_errno("%zu bytes for copies", bytes);
    data_ = static_cast<std::byte *>(at);
    if (pin_now)
        pin();
}

void Pinned::pin()
{
    registered_ =
        driver_.cuMemHostRegister_v2(data_, bytes_, CU_MEMHOSTREGISTER_PORTABLE) == CUDA_SUCCESS;
}

Pinned::~Pinned()
{
    if (registered_)
        driver_.cuMemHostUnregister(data_);
    munmap(data_, bytes_);
}

void HostPool::allow(size_t most)
{
    std::lock_guard lock(mutex_);
    most_ = most;
}

std::byte *HostPool::take()
{
    std::lock_guard lock(mutex_);
    for (Group &group : groups_) {
        if (group.free.empty())
            continue;
        std::byte *slot = group.free.back();
        group.free.pop_back();
        return slot;
    }
    if (groups_.size() * shape_.group >= most_)
        return nullptr;
    Group group;
    group.memory = std::make_unique<Pinned>(driver_, shape_.group * shape_.slot, false);
    group.free.reserve(shape_.group);
    for (size_t i = shape_.group; i-- > 1;)
        group.free.push_back(group.memory->data() + i * shape_.slot);
    std::byte *first = group.memory->data();
    groups_.push_back(std::move(group));
    return first;
}

void HostPool::give(std::byte *slot) noexcept
{
    std::lock_guard lock(mutex_);
    for (Group &group : groups_)
        if (group.holds(slot))
            group.free.push_back(slot); // never more than were reserved
}

void HostPool::pin()
{
    std::lock_guard lock(mutex_);
    for (Group &group : groups_) {
        if (!group.pinned)
            group.memory->pin();
        group.pinned = true;
    }
}

void HostPool::trim() noexcept
{
    std::vector<Group> gone; // unregistered without the lock, since that may take its time
    {
        std::lock_guard lock(mutex_);
        for (size_t i = groups_.size(); i-- > 1;) {
            if (groups_[i].free.size() < shape_.group)
                continue;
            gone.push_back(std::move(groups_[i]));
            groups_.erase(groups_.begin() + ptrdiff_t(i));
        }
    }
}

size_t HostPool::bytes() const
{
    std::lock_guard lock(mutex_);
    return groups_.size() * shape_.group * shape_.slot;
}

} // namespace vgpu::server
