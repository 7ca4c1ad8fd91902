// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects by the driver's numbers for them. A driver may count in each context:
// where two have the same number, the current context tells which one is meant.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace vgpu::client
{

struct Look {
    uint64_t context = 0;
    uint64_t id = 0; // what the worker knows it by
    CUDA_RESOURCE_DESC resource{};
    CUDA_TEXTURE_DESC description{};
    CUDA_RESOURCE_VIEW_DESC view{};
    bool viewed = false;
};

class Looks
{
public:
    using Pointer = std::shared_ptr<const Look>;

    void add(uint64_t object, Pointer look)
    {
        std::lock_guard lock(mutex_);
        rows_.emplace(object, std::move(look));
    }

    // Null if there is none. `context`: the current one, or 0.
    Pointer find(uint64_t object, uint64_t context) const
    {
        std::lock_guard lock(mutex_);
        auto at = place(object, context);
        return at == rows_.end() ? nullptr : at->second;
    }

    Pointer remove(uint64_t object, uint64_t context)
    {
        std::lock_guard lock(mutex_);
        auto at = place(object, context);
        if (at == rows_.end())
            return nullptr;
        Pointer look = at->second;
        rows_.erase(at);
        return look;
    }

    void forget_context(uint64_t context)
    {
        std::lock_guard lock(mutex_);
        std::erase_if(rows_, [&](auto &row) { return row.second->context == context; });
    }

private:
    using Rows = std::multimap<uint64_t, Pointer>;

    Rows::const_iterator place(uint64_t object, uint64_t context) const
    {
        auto [first, last] = rows_.equal_range(object);
        for (auto at = first; at != last; ++at)
            if (at->second->context == context)
                return at;
        return first == last ? rows_.end() : first;
    }

    mutable std::mutex mutex_;
    Rows rows_;
};

} // namespace vgpu::client
