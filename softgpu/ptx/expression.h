// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/lexer.h"

namespace vgpu::soft
{

/// An integer constant expression in 64-bit arithmetic. A leading `+` or `-` is a sign, so `x+4`
/// can be read after x.
uint64_t constant_expression(Lexer &lexer);

} // namespace vgpu::soft
