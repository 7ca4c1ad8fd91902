// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/stream.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::soft::driver
{

/// Objects that the application has destroyed while work was under way that may name them, as it
/// may after a launch: kernels still find them, until that work is done.
template<class T>
class Leaving
{
public:
    void keep(std::shared_ptr<T> object, std::vector<Point> until)
    {
        sweep();
        std::lock_guard hold(lock_);
        list_.push_back({std::move(object), std::move(until)});
    }

    std::shared_ptr<T> find(uint64_t id) const
    {
        std::lock_guard hold(lock_);
        for (auto &one : list_)
            if (one.object->id == id && !over(one.until))
                return one.object;
        return nullptr;
    }

    void sweep()
    {
        std::lock_guard hold(lock_);
        std::erase_if(list_, [](const One &one) { return over(one.until); });
    }

    static bool over(const std::vector<Point> &until)
    {
        return std::all_of(until.begin(), until.end(), [](auto &point) { return point.reached(); });
    }

private:
    struct One {
        std::shared_ptr<T> object;
        std::vector<Point> until;
    };
    mutable std::mutex lock_;
    std::vector<One> list_;
};

} // namespace vgpu::soft::driver
