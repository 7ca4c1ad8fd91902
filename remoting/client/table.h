// SPDX-License-Identifier: Apache-2.0
// What is known of the handles of one kind. Values are handed out as shared pointers to constants:
// a handle may be destroyed by another thread while it is looked at.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace vgpu::client
{

template<class T>
class Table
{
public:
    using Pointer = std::shared_ptr<T>;

    Pointer add(uint64_t id, Pointer value)
    {
        std::unique_lock lock(mutex_);
        rows_[id] = value;
        return value;
    }

    Pointer find(uint64_t id) const
    {
        std::shared_lock lock(mutex_);
        auto at = rows_.find(id);
        return at == rows_.end() ? nullptr : at->second;
    }

    bool has(uint64_t id) const
    {
        std::shared_lock lock(mutex_);
        return rows_.count(id) != 0;
    }

    Pointer remove(uint64_t id)
    {
        std::unique_lock lock(mutex_);
        auto at = rows_.find(id);
        if (at == rows_.end())
            return nullptr;
        Pointer value = std::move(at->second);
        rows_.erase(at);
        return value;
    }

    template<class Predicate>
    std::vector<uint64_t> remove_if(Predicate predicate)
    {
        std::vector<uint64_t> removed;
        std::unique_lock lock(mutex_);
        for (auto at = rows_.begin(); at != rows_.end();) {
            if (predicate(*at->second)) {
                removed.push_back(at->first);
                at = rows_.erase(at);
            } else {
                ++at;
            }
        }
        return removed;
    }

    template<class Visitor>
    void each(Visitor visitor) const
    {
        std::shared_lock lock(mutex_);
        for (auto &[id, value] : rows_)
            visitor(id, *value);
    }

private:
    mutable std::shared_mutex mutex_;
    std::unordered_map<uint64_t, Pointer> rows_;
};

} // namespace vgpu::client
