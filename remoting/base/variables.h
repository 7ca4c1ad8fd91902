// SPDX-License-Identifier: Apache-2.0
// The environment variables that no configuration file stands behind, in the form of options: each
// is read through its row, and vgpu(7) is made from the rows.
#pragma once

#include "remoting/base/options.h"

namespace vgpu
{

// Of the program that runs with a lease.
extern const Option kLeaseVariable;
extern const Option kChannelVariable;
extern const Option kLogLevelVariable;
extern const Option kLogFileVariable;
extern const Option kTestLinkVariable;

// Of the daemons and tools.
extern const Option kConfVariable;
extern const Option kLibdirVariable;
extern const Option kLibexecdirVariable;

std::span<const Option> lease_variables();   // set for the program
std::span<const Option> program_variables(); // that its libraries read
std::span<const Option> tool_variables();

} // namespace vgpu
