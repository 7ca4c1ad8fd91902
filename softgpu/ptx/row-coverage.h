// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

// Rows and instructions whose tests are not references of row-test.h.
namespace vgpu::soft::rows
{

/// The unit test ("Suite.Name") of the row, or null.
const char *tested_elsewhere(std::string_view row);

/// The unit test of an instruction that is no row of the tables: what moves lanes, barriers, ...
const char *test_of_instruction(std::string_view opcode);

} // namespace vgpu::soft::rows
