// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/syntax.h"

namespace vgpu::soft
{

/// Parses a whole PTX module; throws vgpu::Error with `line:column:`. `text` must outlive the
/// result.
syntax::Module parse(std::string_view text);

} // namespace vgpu::soft
