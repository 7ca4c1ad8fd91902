// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/types.h"

#include <algorithm>
#include <array>

namespace vgpu::soft
{
namespace
{

struct Row {
    Type type;
    std::string_view name;
    uint8_t size;
};

constexpr std::array kRows = {
    Row{Type::none, "", 0},          Row{Type::pred, ".pred", 0},   Row{Type::b8, ".b8", 1},
    Row{Type::u8, ".u8", 1},         Row{Type::s8, ".s8", 1},       Row{Type::b16, ".b16", 2},
    Row{Type::u16, ".u16", 2},       Row{Type::s16, ".s16", 2},     Row{Type::b32, ".b32", 4},
    Row{Type::u32, ".u32", 4},       Row{Type::s32, ".s32", 4},     Row{Type::b64, ".b64", 8},
    Row{Type::u64, ".u64", 8},       Row{Type::s64, ".s64", 8},     Row{Type::b128, ".b128", 16},
    Row{Type::f16, ".f16", 2},       Row{Type::f16x2, ".f16x2", 4}, Row{Type::bf16, ".bf16", 2},
    Row{Type::bf16x2, ".bf16x2", 4}, Row{Type::f32, ".f32", 4},     Row{Type::f64, ".f64", 8},
    Row{Type::u16x2, ".u16x2", 4},   Row{Type::s16x2, ".s16x2", 4}, Row{Type::tf32, ".tf32", 4},
};

} // namespace

std::optional<Type> parse_type(std::string_view modifier)
{
    for (const Row &row : kRows)
        if (row.type != Type::none && row.name == modifier)
            return row.type;
    return std::nullopt;
}

std::string_view name_of(Type type)
{
    return kRows[size_t(type)].name;
}

size_t size_of(Type type)
{
    return kRows[size_t(type)].size;
}

bool is_float(Type type)
{
    return (type >= Type::f16 && type <= Type::f64) || type == Type::tf32;
}

bool is_signed(Type type)
{
    return type == Type::s8 || type == Type::s16 || type == Type::s32 || type == Type::s64;
}

char width_letter(size_t bytes)
{
    switch (bytes) {
    case 0:
        return 'p';
    case 1:
    case 2:
        return 'h';
    case 4:
        return 'w';
    case 8:
        return 'x';
    default:
        return 'q';
    }
}

} // namespace vgpu::soft
