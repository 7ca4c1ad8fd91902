// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/entry.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace vgpu::soft::driver
{

/// Handles that applications hold are numbers that are used once and never again, so that a stale
/// or foreign handle is an error and not a crash. The top byte tells the kind; canonical user
/// addresses never look like this.
enum class Kind : uint64_t {
    context = 0x51,
    stream,
    event,
    module,
    function,
    library,
    kernel,
    pool,
    physical,
    link,
    graph,
    node,
    exec,
    user_object,
    condition,
    array,
    mipmap,
    texture,
    surface,
    texref,
    green,
    resource_desc
};

template<class T>
class Registry
{
public:
    explicit Registry(Kind kind) : kind_(kind) {}

    /// Gives `object` its handle, in `object->id`.
    void add(const std::shared_ptr<T> &object)
    {
        object->id = static_cast<uint64_t>(kind_) << 56 |
                     (next_.fetch_add(1, std::memory_order_relaxed) + 1) << 4;
        std::unique_lock hold(lock_);
        objects_.emplace(object->id, object);
    }

    std::shared_ptr<T> find(uint64_t id) const
    {
        std::shared_lock hold(lock_);
        auto it = objects_.find(id);
        return it == objects_.end() ? nullptr : it->second;
    }

    template<class Handle>
    std::shared_ptr<T> get(Handle handle, CUresult otherwise = CUDA_ERROR_INVALID_HANDLE) const
    {
        auto object = find((uint64_t)handle); // NOLINT: a pointer or an integer, as cuda.h has it
        require(object != nullptr, otherwise);
        return object;
    }

    /// False if it was gone already: of two threads that destroy, one wins.
    bool remove(uint64_t id)
    {
        std::unique_lock hold(lock_);
        return objects_.erase(id) != 0;
    }

    std::vector<std::shared_ptr<T>> all() const
    {
        std::shared_lock hold(lock_);
        std::vector<std::shared_ptr<T>> list;
        for (auto &[id, object] : objects_)
            list.push_back(object);
        return list;
    }

private:
    Kind kind_;
    std::atomic<uint64_t> next_{0};
    mutable std::shared_mutex lock_;
    std::unordered_map<uint64_t, std::shared_ptr<T>> objects_;
};

template<class Handle, class T>
Handle handle_of(const T &object)
{
    return (Handle)object.id; // NOLINT
}

} // namespace vgpu::soft::driver
