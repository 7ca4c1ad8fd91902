// SPDX-License-Identifier: Apache-2.0
// The state table's numbers in Prometheus' text format.
#pragma once

#include <string>

#include "daemon/common/state.h"

namespace vgpu::control
{

std::string metrics_text(const State &state);

} // namespace vgpu::control
