// SPDX-License-Identifier: Apache-2.0
// The state table as text, one frame for each kind of row.
#pragma once

#include <string>

#include "daemon/common/state.h"

namespace vgpu::control
{

std::string show_nodes(const State &state);
std::string show_devices(const State &state);
std::string show_slices(const State &state);
std::string show_leases(const State &state);
std::string show_sessions(const State &state);

} // namespace vgpu::control
