// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/syntax.h"

namespace vgpu::soft
{

/// One operand of an instruction: a name, a number, an address in [], a vector in {}, a pair a|b, a
/// list in ().
syntax::Operand parse_operand(Lexer &lexer);

} // namespace vgpu::soft
