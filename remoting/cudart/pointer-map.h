// SPDX-License-Identifier: Apache-2.0
// A hash table from addresses to pointers, open addressing. It stands here because
// std::unordered_map needs libstdc++, which a program in C that links libcudart_static.a does not
// have.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

namespace vgpu::cudart
{

template<typename T>
class PointerMap
{
public:
    constexpr PointerMap() = default;
    PointerMap(const PointerMap &) = delete;

    // Null if the key is not there.
    T *find(const void *key) const
    {
        if (!capacity_)
            return nullptr;
        for (size_t i = slot(key);; i = (i + 1) & (capacity_ - 1)) {
            if (cells_[i].key == key)
                return cells_[i].value;
            if (!cells_[i].key)
                return nullptr;
        }
    }

    // The first value for which `fits(value)` is true, null if there is none.
    template<typename Fits>
    T *find_if(Fits fits) const
    {
        for (size_t i = 0; i < capacity_; i++)
            if (cells_[i].key && fits(cells_[i].value))
                return cells_[i].value;
        return nullptr;
    }

    // Replaces the value of a key that is there. False when out of memory.
    bool put(const void *key, T *value)
    {
        if (2 * (used_ + 1) > capacity_ && !grow())
            return false;
        size_t i = slot(key);
        while (cells_[i].key && cells_[i].key != key)
            i = (i + 1) & (capacity_ - 1);
        used_ += !cells_[i].key;
        cells_[i] = {key, value};
        return true;
    }

private:
    struct Cell {
        const void *key;
        T *value;
    };

    size_t slot(const void *key) const
    {
        // Fibonacci hashing: the upper bits of the product depend on all bits of the address.
        return size_t((uintptr_t(key) * 0x9E3779B97F4A7C15u) >> 32) & (capacity_ - 1);
    }

    bool grow()
    {
        size_t old_capacity = capacity_;
        Cell *old = cells_;
        size_t wider = capacity_ ? 2 * capacity_ : 64;
        Cell *cells = static_cast<Cell *>(calloc(wider, sizeof(Cell)));
        if (!cells)
            return false;
        cells_ = cells;
        capacity_ = wider;
        used_ = 0;
        for (size_t i = 0; i < old_capacity; i++)
            if (old[i].key)
                put(old[i].key, old[i].value);
        free(old);
        return true;
    }

    Cell *cells_ = nullptr;
    size_t capacity_ = 0; // a power of two
    size_t used_ = 0;
};

} // namespace vgpu::cudart
