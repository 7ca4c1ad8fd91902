// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/lanes.h"

// Addresses of a warp's memory instruction, checked. An instruction names its address register in
// `a` (kNoSlot: the address is the offset alone), an offset in `imm`, the address' width in the low
// byte of `aux`, and in `f` one of the core's spans: the range where it was last at home, so that
// the common check is one comparison for all lanes.
namespace vgpu::soft::VGPU_ISA
{

/// Reads and writes have spans of their own: what may be read may be constant.
template<bool kWrite>
VGPU_INLINE Span &span_of(Warp &warp, const Inst *inst)
{
    return warp.spans[(inst->f & (kSpans - 1)) + (kWrite ? kSpans : 0)];
}

/// Where the lanes' elements are, once checked. `contiguous`: lane l's at first + l * bytes.
struct Place {
    bool contiguous = false;
    std::byte *first = nullptr;
    std::byte *lane[kLanes];
};

VGPU_INLINE void read_addresses(Warp &warp, const Inst *inst, uint64_t *address)
{
    auto offset = uint64_t(inst->imm);
    if ((inst->aux & 0xff) == 8) {
        const uint64_t *a = lanes<uint64_t>(warp, inst->a);
        for (unsigned l = 0; l < kLanes; l++)
            address[l] = a[l] + offset;
    } else {
        const uint32_t *a = lanes<uint32_t>(warp, inst->a);
        for (unsigned l = 0; l < kLanes; l++)
            address[l] = uint32_t(a[l] + uint32_t(offset));
    }
}

/// Lanes whose [address, address + bytes) is not in the span, or not aligned.
VGPU_INLINE uint32_t strays(const uint64_t *address, uint64_t lo, uint64_t size, uint64_t bytes)
{
    if (size < bytes)
        return kAllLanes;
    uint64_t last = size - bytes;
    return collect([=](unsigned l) __attribute__((always_inline)) {
        return (address[l] - lo > last) | ((address[l] & (bytes - 1)) != 0);
    });
}

/// Global memory: the span is the instruction's memory of a range of the map.
template<bool kWrite>
VGPU_INLINE void place_global(Warp &warp, const Inst *inst, const uint64_t *address, uint64_t bytes,
                              Place &place)
{
    Span &span = span_of<kWrite>(warp, inst);
    uint32_t stray = strays(address, span.lo, span.size, bytes) & warp.active;
    if (stray) [[unlikely]] {
        unsigned l = unsigned(__builtin_ctz(stray));
        const Range *range = find_range(warp, address[l]);
        if (range && (range->writable || !kWrite)) {
            span = {range->lo, range->hi - range->lo};
            stray = strays(address, span.lo, span.size, bytes) & warp.active;
        }
        // Lanes of several ranges, or a fault: each on its own.
        if (stray) {
            each_lane(warp.active, [&](unsigned lane) {
                place.lane[lane] = resolve(warp, inst, lane, address[lane], bytes, bytes, kWrite);
            });
            return;
        }
    }
    for (unsigned l = 0; l < kLanes; l++)
        place.lane[l] = reinterpret_cast<std::byte *>(address[l]);
}

/// Shared memory by offset.
template<bool kWrite>
VGPU_INLINE void place_shared(Warp &warp, const Inst *inst, const uint64_t *address, uint64_t bytes,
                              Place &place)
{
    if (strays(address, 0, warp.shared_size, bytes) & warp.active) [[unlikely]]
        each_lane(warp.active, [&](unsigned lane) {
            uint64_t generic =
                address[lane] < kWindowBytes ? kSharedWindow + address[lane] : address[lane];
            place.lane[lane] = resolve(warp, inst, lane, generic, bytes, bytes, kWrite);
        });
    else
        for (unsigned l = 0; l < kLanes; l++)
            place.lane[l] = warp.shared + address[l];
}

VGPU_INLINE std::byte *stack_of(const Warp &warp, unsigned lane)
{
    const Block &block = *warp.block;
    return block.local + size_t(thread_of(warp, lane)) * block.stack_bytes;
}

/// Local memory by offset in the thread's stack.
template<bool kWrite>
VGPU_INLINE void place_local(Warp &warp, const Inst *inst, const uint64_t *address, uint64_t bytes,
                             Place &place)
{
    if (strays(address, 0, warp.block->stack_bytes, bytes) & warp.active) [[unlikely]]
        each_lane(warp.active, [&](unsigned lane) {
            uint64_t generic =
                address[lane] < kWindowBytes ? kLocalWindow + address[lane] : address[lane];
            place.lane[lane] = resolve(warp, inst, lane, generic, bytes, bytes, kWrite);
        });
    else
        for (unsigned l = 0; l < kLanes; l++)
            place.lane[l] = stack_of(warp, l) + address[l];
}

/// Generic addresses: usually all of one space.
template<bool kWrite>
VGPU_INLINE void place_generic(Warp &warp, const Inst *inst, uint64_t *address, uint64_t bytes,
                               Place &place)
{
    uint32_t windows = collect([=](unsigned l) { return address[l] >= kWindowBase; }) & warp.active;
    if (windows == 0)
        return place_global<kWrite>(warp, inst, address, bytes, place);
    each_lane(warp.active, [&](unsigned lane) {
        uint64_t offset = address[lane] - kSharedWindow;
        if (offset < warp.shared_size && bytes <= warp.shared_size - offset && offset % bytes == 0)
            place.lane[lane] = warp.shared + offset;
        else
            place.lane[lane] = resolve(warp, inst, lane, address[lane], bytes, bytes, kWrite);
    });
}

struct GlobalSpace {
    static constexpr bool kHalves = true;
    static constexpr bool kVectors = true;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_global<kWrite>(w, i, a, n, p);
    }
};
struct SharedSpace {
    static constexpr bool kHalves = true;
    static constexpr bool kVectors = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_shared<kWrite>(w, i, a, n, p);
    }
};
struct LocalSpace {
    static constexpr bool kHalves = false;
    static constexpr bool kVectors = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_local<kWrite>(w, i, a, n, p);
    }
};
struct GenericSpace {
    static constexpr bool kHalves = true;
    static constexpr bool kVectors = true;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_generic<kWrite>(w, i, a, n, p);
    }
};

/// How the addresses of half a warp lie.
enum class Shape { same, row, other };

template<class A>
VGPU_INLINE Shape shape_of(const A *address, A bytes)
{
    A first = address[0], differ = 0, apart = 0;
    for (unsigned l = 0; l < kLanes / 2; l++) {
        A ahead = address[l] - first;
        differ |= ahead;
        apart |= ahead - A(l) * bytes;
    }
    return differ == 0 ? Shape::same : apart == 0 ? Shape::row : Shape::other;
}

/// Where the two halves of a full warp read, if each is of a simple shape and inside.
struct Halves {
    const std::byte *first[2];
    Shape shape[2];

    /// `at` gives the bytes of (offset, size), or null.
    template<class A, class F>
    VGPU_INLINE bool find(const A *address, A offset, uint64_t bytes, F at)
    {
        for (unsigned h = 0; h < 2; h++) {
            shape[h] = shape_of(address + h * kLanes / 2, A(bytes));
            A start = A(address[h * kLanes / 2] + offset);
            if (shape[h] == Shape::other || (start & (bytes - 1)) != 0)
                return false;
            first[h] = at(start, shape[h] == Shape::same ? bytes : bytes * kLanes / 2);
            if (!first[h])
                return false;
        }
        return true;
    }
};

template<class Space>
VGPU_INLINE bool find_halves(Warp &warp, const Inst *inst, uint64_t bytes, Halves &halves)
{
    if constexpr (Space::kVectors) {
        const Span &span = span_of<false>(warp, inst); // only loads have vectors of halves
        return halves.find(lanes<uint64_t>(warp, inst->a), uint64_t(inst->imm), bytes,
                           [&](uint64_t start, uint64_t size) -> const std::byte * {
                               bool inside =
                                   span.size >= size && start - span.lo <= span.size - size;
                               return inside ? reinterpret_cast<const std::byte *>(start) : nullptr;
                           });
    } else {
        auto at = [&](uint64_t start, uint64_t size) -> const std::byte * {
            bool inside = warp.shared_size >= size && start <= warp.shared_size - size;
            return inside ? warp.shared + start : nullptr;
        };
        if ((inst->aux & 0xff) == 4)
            return halves.find(lanes<uint32_t>(warp, inst->a), uint32_t(inst->imm), bytes, at);
        return halves.find(lanes<uint64_t>(warp, inst->a), uint64_t(inst->imm), bytes, at);
    }
}

/// All 32 lanes side by side in the instruction's range: their first byte, else null. Needs no look
/// at each lane.
template<bool kWrite>
VGPU_INLINE std::byte *contiguous(Warp &warp, const Inst *inst, uint64_t bytes)
{
    const uint64_t *a = lanes<uint64_t>(warp, inst->a);
    uint64_t first = a[0], apart = 0;
    for (unsigned l = 0; l < kLanes; l++)
        apart |= a[l] - first - l * bytes;
    const Span &span = span_of<kWrite>(warp, inst);
    uint64_t total = kLanes * bytes, address = first + uint64_t(inst->imm);
    bool inside = span.size >= total && address - span.lo <= span.size - total;
    return apart == 0 && inside && address % bytes == 0 ? reinterpret_cast<std::byte *>(address)
                                                        : nullptr;
}

} // namespace vgpu::soft::VGPU_ISA
