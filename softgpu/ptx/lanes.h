// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/operations.h"

#include <type_traits>

#ifndef VGPU_ISA
#error "compile handlers with -DVGPU_ISA=baseline or -DVGPU_ISA=avx2"
#endif

// Loops over the 32 lanes of a warp, written so that the compiler makes vector code of them.
// Everything here and in the handlers is in a namespace named after the instruction set: no
// function is shared between the two builds.
namespace vgpu::soft::VGPU_ISA
{

#define VGPU_INLINE [[gnu::always_inline]] inline

/// Stands for a predicate in signatures.
struct Predicate;

/// How a value lies in a register: bytes have 16-bit registers.
template<class T>
using Lane = std::conditional_t<sizeof(T) == 1, uint16_t, T>;

template<class T>
constexpr char letter()
{
    if constexpr (std::is_same_v<T, Predicate>)
        return 'p';
    else
        return sizeof(T) <= 2 ? 'h' : sizeof(T) == 4 ? 'w' : 'x';
}

template<class... T>
inline constexpr char kSignature[] = {letter<T>()..., '\0'};

alignas(64) static constexpr uint32_t kBit[kLanes] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
};

// Says of the loop after it that no lane depends on another.
#ifdef __clang__
#define VGPU_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define VGPU_INDEPENDENT _Pragma("GCC ivdep")
#endif

/// d[lane] = value(lane) for the active lanes; `value` is evaluated for all, and must bear that.
template<class D, class F>
VGPU_INLINE void fill(uint32_t active, D *d, F value)
{
    if (active == kAllLanes) {
        VGPU_INDEPENDENT
        for (unsigned lane = 0; lane < kLanes; lane++)
            d[lane] = value(lane);
    } else {
        VGPU_INDEPENDENT
        for (unsigned lane = 0; lane < kLanes; lane++) {
            D now = value(lane);
            d[lane] = (active & kBit[lane]) ? now : d[lane];
        }
    }
}

/// The same for what is dear or may fault: only active lanes are evaluated.
template<class D, class F>
VGPU_INLINE void fill_each(uint32_t active, D *d, F value)
{
    if (active == kAllLanes) {
        for (unsigned lane = 0; lane < kLanes; lane++)
            d[lane] = value(lane);
    } else {
        each_lane(
            active, [&](unsigned lane) __attribute__((always_inline)) { d[lane] = value(lane); });
    }
}

/// A bit per lane.
template<class F>
VGPU_INLINE uint32_t collect(F test)
{
    uint32_t bits = 0;
    VGPU_INDEPENDENT
    for (unsigned lane = 0; lane < kLanes; lane++)
        bits |= test(lane) ? kBit[lane] : 0u;
    return bits;
}

VGPU_INLINE void put_predicate(Warp &warp, Slot slot, uint32_t bits)
{
    uint32_t &d = *lanes<uint32_t>(warp, slot);
    d = (d & ~warp.active) | (bits & warp.active);
}

// F::of(a, b, ...) for each lane.
template<class F, class D, class A>
const Inst *unary(Warp &warp, const Inst *inst)
{
    const auto *a = lanes<Lane<A>>(warp, inst->a);
    fill(
        warp.active,
        lanes<Lane<D>>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return Lane<D>(F::of(A(a[lane])));
        });
    return inst + 1;
}

template<class F, class D, class A, class B>
const Inst *binary(Warp &warp, const Inst *inst)
{
    const auto *a = lanes<Lane<A>>(warp, inst->a);
    const auto *b = lanes<Lane<B>>(warp, inst->b);
    fill(
        warp.active,
        lanes<Lane<D>>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return Lane<D>(F::of(A(a[lane]), B(b[lane])));
        });
    return inst + 1;
}

template<class F, class D, class A, class B, class C>
const Inst *ternary(Warp &warp, const Inst *inst)
{
    const auto *a = lanes<Lane<A>>(warp, inst->a);
    const auto *b = lanes<Lane<B>>(warp, inst->b);
    const auto *c = lanes<Lane<C>>(warp, inst->c);
    fill(
        warp.active,
        lanes<Lane<D>>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return Lane<D>(F::of(A(a[lane]), B(b[lane]), C(c[lane])));
        });
    return inst + 1;
}

template<class F, class D, class A, class B, class C, class E>
const Inst *quaternary(Warp &warp, const Inst *inst)
{
    const auto *a = lanes<Lane<A>>(warp, inst->a);
    const auto *b = lanes<Lane<B>>(warp, inst->b);
    const auto *c = lanes<Lane<C>>(warp, inst->c);
    const auto *e = lanes<Lane<E>>(warp, inst->e);
    fill(
        warp.active,
        lanes<Lane<D>>(warp, inst->d), [=](unsigned lane) __attribute__((always_inline)) {
            return Lane<D>(F::of(A(a[lane]), B(b[lane]), C(c[lane]), E(e[lane])));
        });
    return inst + 1;
}

// Table rows.
template<class F, class D, class A>
constexpr Operation op1(const char *name)
{
    return {name, unary<F, D, A>, kSignature<D, A>, 0};
}
template<class F, class D, class A, class B>
constexpr Operation op2(const char *name)
{
    return {name, binary<F, D, A, B>, kSignature<D, A, B>, 0};
}
template<class F, class D, class A, class B, class C>
constexpr Operation op3(const char *name)
{
    return {name, ternary<F, D, A, B, C>, kSignature<D, A, B, C>, 0};
}
template<class F, class D, class A, class B, class C, class E>
constexpr Operation op4(const char *name)
{
    return {name, quaternary<F, D, A, B, C, E>, kSignature<D, A, B, C, E>, 0};
}

template<size_t N>
constexpr Operations table(const Operation (&rows)[N])
{
    return {rows, N};
}

} // namespace vgpu::soft::VGPU_ISA
