// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// The vocabulary of PTX: fundamental types, state spaces and address windows.
namespace vgpu::soft
{

enum class Type : uint8_t {
    none,
    pred,
    b8,
    u8,
    s8,
    b16,
    u16,
    s16,
    b32,
    u32,
    s32,
    b64,
    u64,
    s64,
    b128,
    f16,
    f16x2,
    bf16,
    bf16x2,
    f32,
    f64,
    u16x2,
    s16x2,
    tf32,
};

/// The type a modifier such as ".u32" names.
std::optional<Type> parse_type(std::string_view modifier);

/// ".u32" for Type::u32.
std::string_view name_of(Type type);

/// Bytes of a value; 0 for a predicate.
size_t size_of(Type type);

bool is_float(Type type);
bool is_signed(Type type);

/// The letter by which handlers name a register of that many bytes: p (predicate), h 2, w 4, x 8,
/// q 16.
char width_letter(size_t bytes);

enum class Space : uint8_t { none, global, constant, shared, local, param };

/// Addresses no user process can have on x86-64 (2^47 and up), so that one compare tells the spaces
/// apart.
inline constexpr uint64_t kWindowBase = uint64_t(1) << 48;
inline constexpr uint64_t kWindowBytes = uint64_t(1) << 32;
inline constexpr uint64_t kSharedWindow = kWindowBase;
inline constexpr uint64_t kLocalWindow = kWindowBase + kWindowBytes;
inline constexpr uint64_t kParamWindow = kWindowBase + 2 * kWindowBytes;

/// A device function's "address": index * 16 above this. Nothing can be read there.
inline constexpr uint64_t kFunctionWindow = kWindowBase + 4 * kWindowBytes;

} // namespace vgpu::soft
