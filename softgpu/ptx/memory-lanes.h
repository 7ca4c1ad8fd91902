// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/lanes.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

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

/// The address as base + index * scale, as the decoder found it (decode-index.cc): `a` names the
/// 32-bit index, the upper half of `imm` the base, which is the same in all lanes, its lower half
/// the offset; `aux` holds the sign and the scale.
struct Indexed {
    const uint32_t *index;
    uint64_t base; ///< the offset included
    uint64_t scale;
    bool sign;

    VGPU_INLINE Indexed(Warp &warp, const Inst *inst)
        : index(lanes<uint32_t>(warp, inst->a)),
          base(*lanes<uint64_t>(warp, Slot(uint64_t(inst->imm) >> 32)) +
               uint64_t(int64_t(int32_t(inst->imm)))),
          scale(inst->aux >> 16), sign(inst->aux & kSignedIndex)
    {
    }
    VGPU_INLINE uint64_t at(unsigned lane) const
    {
        uint32_t i = index[lane];
        return base + (sign ? uint64_t(int64_t(int32_t(i))) : i) * scale;
    }
    /// `count` lanes from this one on do not wrap around when each is one more than the last.
    VGPU_INLINE bool ascends(unsigned lane, unsigned count) const
    {
        return (index[lane] ^ (sign ? 0x80000000u : 0)) <= 0xffffffffu - (count - 1);
    }
};

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

VGPU_INLINE void read_indexed(Warp &warp, const Inst *inst, uint64_t *address)
{
    const Indexed where(warp, inst);
    for (unsigned l = 0; l < kLanes; l++)
        address[l] = where.at(l);
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
                place.lane[lane] =
                    resolve(warp, inst, lane, address[lane], bytes, bytes, kWrite, Space::global);
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
            place.lane[lane] =
                resolve(warp, inst, lane, generic, bytes, bytes, kWrite, Space::shared);
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
            place.lane[lane] =
                resolve(warp, inst, lane, generic, bytes, bytes, kWrite, Space::local);
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
    static constexpr bool kIndexed = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_global<kWrite>(w, i, a, n, p);
    }
};
/// Global memory by base and index.
struct IndexedSpace : GlobalSpace {
    static constexpr bool kIndexed = true;
};
struct SharedSpace {
    static constexpr bool kHalves = true;
    static constexpr bool kVectors = false;
    static constexpr bool kIndexed = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_shared<kWrite>(w, i, a, n, p);
    }
};
struct LocalSpace {
    static constexpr bool kHalves = false;
    static constexpr bool kVectors = false;
    static constexpr bool kIndexed = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_local<kWrite>(w, i, a, n, p);
    }
};
struct GenericSpace {
    static constexpr bool kHalves = true;
    static constexpr bool kVectors = true;
    static constexpr bool kIndexed = false;
    template<bool kWrite>
    VGPU_INLINE static void place(Warp &w, const Inst *i, uint64_t *a, uint64_t n, Place &p)
    {
        place_generic<kWrite>(w, i, a, n, p);
    }
};

/// How the addresses of some lanes lie.
enum class Shape { same, row, other };

#ifdef __AVX2__
VGPU_INLINE __m256i spread(uint32_t value)
{
    return _mm256_set1_epi32(int(value));
}
VGPU_INLINE __m256i spread(uint64_t value)
{
    return _mm256_set1_epi64x(int64_t(value));
}
VGPU_INLINE __m256i add(__m256i a, __m256i b, uint32_t)
{
    return _mm256_add_epi32(a, b);
}
VGPU_INLINE __m256i add(__m256i a, __m256i b, uint64_t)
{
    return _mm256_add_epi64(a, b);
}

/// Whether each of kCount values is `step` more than the last. One test at the end, without adding
/// lanes up across a vector as the compiler would.
template<unsigned kCount, class A>
VGPU_INLINE bool is_row(const A *value, A step)
{
    constexpr unsigned kWidth = 32 / sizeof(A);
    alignas(32) A ahead[kWidth];
    for (unsigned l = 0; l < kWidth; l++)
        ahead[l] = A(l) * step;
    __m256i apart = _mm256_setzero_si256(), stride = spread(A(kWidth * step));
    __m256i expected = add(spread(value[0]), *reinterpret_cast<const __m256i *>(ahead), A());
    for (unsigned l = 0; l < kCount; l += kWidth) {
        __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(value + l));
        apart = _mm256_or_si256(apart, _mm256_xor_si256(here, expected));
        expected = add(expected, stride, A());
    }
    return _mm256_testz_si256(apart, apart);
}
template<unsigned kCount, class A>
VGPU_INLINE bool are_same(const A *value)
{
    __m256i differ = _mm256_setzero_si256(), first = spread(value[0]);
    for (unsigned l = 0; l < kCount; l += 32 / sizeof(A)) {
        __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(value + l));
        differ = _mm256_or_si256(differ, _mm256_xor_si256(here, first));
    }
    return _mm256_testz_si256(differ, differ);
}
#else
template<unsigned kCount, class A>
VGPU_INLINE bool is_row(const A *value, A step)
{
    A apart = 0;
    for (unsigned l = 0; l < kCount; l++)
        apart |= value[l] - value[0] - A(l) * step;
    return apart == 0;
}
template<unsigned kCount, class A>
VGPU_INLINE bool are_same(const A *value)
{
    A differ = 0;
    for (unsigned l = 0; l < kCount; l++)
        differ |= value[l] - value[0];
    return differ == 0;
}
#endif

template<unsigned kCount, class A>
VGPU_INLINE Shape shape_of(const A *value, A step)
{
    return is_row<kCount>(value, step) ? Shape::row
           : are_same<kCount>(value)   ? Shape::same
                                       : Shape::other;
}

/// The first of `size` bytes at an address if the instruction's range of global memory holds them.
template<bool kWrite>
VGPU_INLINE std::byte *at_home(Warp &warp, const Inst *inst, uint64_t address, uint64_t size)
{
    const Span &span = span_of<kWrite>(warp, inst);
    bool inside = span.size >= size && address - span.lo <= span.size - size;
    return inside ? reinterpret_cast<std::byte *>(address) : nullptr;
}

/// Where a full warp's accesses are, if each part of kCount lanes is of a simple shape and inside.
template<unsigned kCount>
struct Parts {
    static constexpr unsigned kParts = kLanes / kCount;
    std::byte *first[kParts];
    Shape shape[kParts];

    /// `at` gives the bytes of (address, size), or null.
    template<class A, class F>
    VGPU_INLINE bool find(const A *address, A offset, uint64_t bytes, F at)
    {
        for (unsigned p = 0; p < kParts; p++) {
            shape[p] = shape_of<kCount>(address + p * kCount, A(bytes));
            A start = A(address[p * kCount] + offset);
            if (shape[p] == Shape::other || (start & (bytes - 1)) != 0)
                return false;
            first[p] = at(start, shape[p] == Shape::same ? bytes : bytes * kCount);
            if (!first[p])
                return false;
        }
        return true;
    }

    template<bool kWrite>
    VGPU_INLINE bool find_indexed(Warp &warp, const Inst *inst, uint64_t bytes)
    {
        const Indexed where(warp, inst);
        for (unsigned p = 0; p < kParts; p++) {
            shape[p] = shape_of<kCount>(where.index + p * kCount, 1u);
            uint64_t start = where.at(p * kCount), size = bytes;
            if (shape[p] == Shape::row) {
                if (where.scale != bytes || !where.ascends(p * kCount, kCount))
                    return false;
                size = bytes * kCount;
            }
            if (shape[p] == Shape::other || (start & (bytes - 1)) != 0)
                return false;
            first[p] = at_home<kWrite>(warp, inst, start, size);
            if (!first[p])
                return false;
        }
        return true;
    }
};

template<bool kWrite, class Space, unsigned kCount>
VGPU_INLINE bool find_parts(Warp &warp, const Inst *inst, uint64_t bytes, Parts<kCount> &parts)
{
    if constexpr (Space::kIndexed) {
        return parts.template find_indexed<kWrite>(warp, inst, bytes);
    } else if constexpr (Space::kVectors) {
        return parts.find(
            lanes<uint64_t>(warp, inst->a), uint64_t(inst->imm),
            bytes, [&](uint64_t start, uint64_t size) __attribute__((always_inline)) {
                return at_home<kWrite>(warp, inst, start, size);
            });
    } else {
        auto at = [&](uint64_t start, uint64_t size) __attribute__((always_inline))->std::byte *
        {
            bool inside = warp.shared_size >= size && start <= warp.shared_size - size;
            return inside ? warp.shared + start : nullptr;
        };
        if ((inst->aux & 0xff) == 4)
            return parts.find(lanes<uint32_t>(warp, inst->a), uint32_t(inst->imm), bytes, at);
        return parts.find(lanes<uint64_t>(warp, inst->a), uint64_t(inst->imm), bytes, at);
    }
}

/// All 32 lanes side by side in the instruction's range: their first byte, else null. Needs no look
/// at each lane.
template<bool kWrite, class Space>
VGPU_INLINE std::byte *contiguous(Warp &warp, const Inst *inst, uint64_t bytes)
{
    uint64_t start;
    if constexpr (Space::kIndexed) {
        const Indexed where(warp, inst);
        if (!is_row<kLanes>(where.index, 1u) || where.scale != bytes || !where.ascends(0, kLanes))
            return nullptr;
        start = where.at(0);
    } else {
        const uint64_t *address = lanes<uint64_t>(warp, inst->a);
        if (!is_row<kLanes>(address, bytes))
            return nullptr;
        start = address[0] + uint64_t(inst->imm);
    }
    return start & (bytes - 1) ? nullptr : at_home<kWrite>(warp, inst, start, kLanes * bytes);
}

} // namespace vgpu::soft::VGPU_ISA
