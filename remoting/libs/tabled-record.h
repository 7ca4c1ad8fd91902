// SPDX-License-Identifier: Apache-2.0
// The recording library of one that is described by tables: its stubs put their arguments into
// words, and one function records every call.
#pragma once

#include "remoting/api/library-rows.h"
#include "remoting/libs/record.h"

namespace vgpu::record
{

using vgpu::api::lib::word;
using vgpu::api::lib::Word;

// `small`: the library's objects are ints.
int record_call(const vgpu::api::lib::Row &row, const Word *words, bool small);

} // namespace vgpu::record
