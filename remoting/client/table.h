// SPDX-License-Identifier: Apache-2.0
// What is known of the handles of one kind. Values are handed out as shared pointers to constants:
// a handle may be destroyed by another thread while it is looked at.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace vgpu::client
{

// What one thread has looked up lately in one table.
template<class T>
struct Lately {
    struct Slot {
        uint64_t id = 0;
        uint64_t generation = 0;
        std::shared_ptr<T> value;
    };
    std::array<Slot, 16> slots; // by the id's last bits: ids are counted

    Slot &slot(uint64_t id) noexcept { return slots[id % slots.size()]; }
};

template<class T>
class Table
{
public:
    using Pointer = std::shared_ptr<T>;

    // As find(), but without a lock for what this thread has found here before; null if there is
    // none. Valid until the thread's next look-up here: what another thread destroys meanwhile
    // stays until then.
    T *find_again(uint64_t id, Lately<T> &lately) const
    {
        auto &slot = lately.slot(id);
        // Partner: note_removal(). Who does not see it yet has come before.
        uint64_t generation = generation_.load(std::memory_order_acquire);
        if (slot.id != id || slot.generation != generation) [[unlikely]] {
            slot.value = find(id);
            slot.id = slot.value ? id : 0;
            slot.generation = generation;
        }
        return slot.value.get();
    }

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
        note_removal();
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
                note_removal();
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
    void note_removal() noexcept { generation_.fetch_add(1, std::memory_order_release); }

    mutable std::shared_mutex mutex_;
    std::atomic<uint64_t> generation_{0}; // counts removals; partner: find_again()
    std::unordered_map<uint64_t, Pointer> rows_;
};

} // namespace vgpu::client
