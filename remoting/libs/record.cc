// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/record.h"

#include "remoting/api/library-rows.h"

#include <atomic>
#include <cstring>
#include <mutex>
#include <set>
#include <unordered_map>

namespace vgpu::record
{
namespace
{

std::mutex mutex;
std::unordered_map<const void *, int> types; // of tensors
std::set<const void *> device_modes;         // objects whose scalars lie on the device

} // namespace

void set_mode(void *object, int mode)
{
    std::lock_guard lock(mutex);
    if (mode)
        device_modes.insert(object);
    else
        device_modes.erase(object);
}

bool on_device(const void *object)
{
    std::lock_guard lock(mutex);
    return device_modes.contains(object);
}

// Never a valid address, so that whoever looks behind it notices.
null::Said created(void *object)
{
    static std::atomic<uintptr_t> last{0x7000};
    uintptr_t made = last.fetch_add(16, std::memory_order_relaxed);
    if (object)
        std::memcpy(object, &made, sizeof made);
    return {"new"};
}

null::Said filled(void *to, uint64_t bytes)
{
    if (!to && bytes)
        return {"null"};
    const uint64_t word = bytes == 8 ? 8 : 4; // a size must stay one that can be had
    for (uint64_t i = 0; i < bytes; ++i)
        static_cast<unsigned char *>(to)[i] = static_cast<unsigned char>(i % word == 0 ? 5 + i : 0);
    return {std::to_string(bytes)};
}

null::Said result_at(const void *object, void *to, uint64_t bytes)
{
    if (on_device(object))
        return {null::text(static_cast<const void *>(to))};
    filled(to, bytes);
    return {"host"};
}

void set_type(const void *tensor, int type)
{
    std::lock_guard lock(mutex);
    types[tensor] = type;
}

null::Said said_scaling(const void *tensor, const void *at, bool whole)
{
    std::lock_guard lock(mutex);
    auto known = types.find(tensor);
    uint64_t n = api::lib::scaling_bytes(whole, known == types.end() ? 0 : uint32_t(known->second));
    return {null::text(null::Exact{at, size_t(n)})};
}

null::Said scalar_at(const void *object, const void *from, uint64_t bytes)
{
    return {on_device(object) ? null::text(from) : null::text(null::Exact{from, size_t(bytes)})};
}

} // namespace vgpu::record
