// SPDX-License-Identifier: Apache-2.0
// Calls of a CUDA library as tables: what library-params.h says by types, for libraries whose
// hundreds of functions would each be code of their own. One row a call, one field a parameter;
// what is on the wire is the same. A description says `tabled` for it.
#pragma once

#include "remoting/api/library-params.h"

#include <bit>
#include <span>

namespace vgpu::api::lib
{

// A parameter's value as C has it: numbers with their sign or zeros in front, floats as their bits,
// pointers.
using Word = uint64_t;

template<class T>
constexpr Word word(T value) noexcept
{
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<uintptr_t>(value);
    else if constexpr (std::is_same_v<T, float>)
        return std::bit_cast<uint32_t>(value);
    else if constexpr (std::is_same_v<T, double>)
        return std::bit_cast<uint64_t>(value);
    else
        return Word(value);
}

struct Field {
    enum Kind : uint8_t {
        number,
        handle,
        new_handle,
        stream,
        device,
        out_pointer,
        scalar_in, // where scalars lie, the first parameter's pointer mode says
        scalar_out,
        scalar_inout,
        in, // arrays on the host
        out,
        inout,
        addresses, // an array on the host, of addresses on the device
        string,
        work,    // memory on the host for the library alone: the worker has its own
        scaling, // a number on the host, or none, whose type a tensor's object says
        value,   // the same, an element of the tensor
    };
    enum Form : uint8_t { wide, i32, u32, i8, u8, real, real64 }; // of numbers
    Kind kind;
    Form form;
    bool natural; // a number that must not be negative; of a call that sets the type or keeps what
                  // it is given, that, or where it is kept
    bool nullable;
    uint8_t type;                    // of the object; of a scaling, which parameter the tensor is
    uint64_t (*bytes)(const Word *); // of what it points to, from the other parameters' words
};

struct Row {
    enum Effect : uint8_t {
        asks = 1,    // is waited for
        fetches = 2, // one result on the host, which the client copies from the device
        destroys = 4,
        sets_mode = 8,
        sets_stream = 16,
        always = 32,    // results come with failures too
        sets_type = 64, // of a tensor's elements
        keeps = 128,    // the library goes on reading what it was given, for as long as the object
    };
    uint32_t number;
    const char *name;
    const char *names; // of the parameters, with commas between
    std::span<const Field> fields;
    uint8_t effects;
};

constexpr size_t kMostFields = 40;

// Bytes of a factor on the host, by the cudnnDataType_t of the tensor: a float, unless that has
// doubles; and of an element.
constexpr uint64_t scaling_bytes(bool whole, uint32_t type) noexcept
{
    constexpr uint32_t kDouble = 1;
    return whole ? cudnn_bytes(type) : type == kDouble ? 8 : 4;
}
constexpr uint64_t kMostScaling = 32;

// The number that a word of that form is; anything else on the wire is malformed.
constexpr Word as(Field::Form form, Word value) noexcept
{
    switch (form) {
    case Field::i32:
        return Word(int64_t(int32_t(value)));
    case Field::u32:
    case Field::real:
        return uint32_t(value);
    case Field::i8:
        return Word(int64_t(int8_t(value)));
    case Field::u8:
        return uint8_t(value);
    default:
        return value;
    }
}

// Bytes of a work space: no element count, so that nothing else may bound it.
constexpr uint64_t work_bytes(Word bytes) noexcept
{
    return bytes;
}

} // namespace vgpu::api::lib
