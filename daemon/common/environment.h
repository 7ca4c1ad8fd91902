// SPDX-License-Identifier: Apache-2.0
// What a program needs in its environment to find our libraries and its lease: the same under Slurm
// and vgpu-run.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace vgpu::control
{

/// Where our parts are installed. Run from the build tree, VGPU_LIBDIR and VGPU_LIBEXECDIR say
/// otherwise.
std::string library_dir();      // libcuda.so.1, libcudart.so.N
std::string soft_library_dir(); // the software GPU, below the former
std::string libexec_dir();      // vgpustepd

/// The variables to set, in full, given how to read the present ones (null: unset).
std::vector<std::pair<std::string, std::string>>
job_environment(const std::function<const char *(const char *)> &get,
                const std::string &lease_path);

} // namespace vgpu::control
