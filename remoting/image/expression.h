// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "remoting/image/lexer.h"

namespace vgpu::image
{

/// An integer constant expression in 64-bit arithmetic. A leading `+` or `-` is a sign, so `x+4`
/// can be read after x.
uint64_t constant_expression(Lexer &lexer);

} // namespace vgpu::image
