// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/program.h"

#include <random>
#include <span>
#include <string>
#include <vector>

// What the fuzzers and the unit test that stands for them have in common.
namespace vgpu::soft::fuzz
{

/// Compiles the text, whatever it is, and lets each of its kernels run for a moment in memory that
/// ends where its allocation ends. Returns how many kernels ran.
unsigned run_anything(const std::string &text);

/// Launches a kernel of fuzz-launches.ptx; which, with what shape and what arguments, the bytes
/// say.
Fault launch_anything(std::span<const uint8_t> data);

/// The programs of a file beside this one.
std::vector<std::string> seeds(const std::string &file = "fuzz-seeds.ptx");

/// The text with a line, a word or a byte changed.
std::string mutate(std::string text, std::mt19937 &random);

} // namespace vgpu::soft::fuzz
