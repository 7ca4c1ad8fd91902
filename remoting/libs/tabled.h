// SPDX-License-Identifier: Apache-2.0
// The wrapper of a library that is described by tables (remoting/api/library-rows.h): its stubs put
// their arguments into words, and one function makes every call.
#pragma once

#include "remoting/api/library-rows.h"
#include "remoting/libs/wrapper.h"

namespace vgpu::libs
{

// What the generated part says beside `the_library`.
struct Tabled {
    std::span<const lib::Row> rows;
    bool small_handles; // the library's objects are ints to the program (cuFFT's plans)
};
extern const Tabled the_calls;

int make_call(const lib::Row &row, const lib::Word *words) noexcept;

// The name of a call by its number, null for none.
const char *row_name(uint32_t number) noexcept;

// The object that the program's handle stands for; null if there is none.
lib::Object *object_of_word(lib::Word handle) noexcept;

} // namespace vgpu::libs
