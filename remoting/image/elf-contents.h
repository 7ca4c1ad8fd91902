// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vgpu::image
{

/// What a cubin has by name.
struct ElfContents {
    struct Kernel {
        std::string name;
        std::vector<std::pair<uint32_t, uint32_t>> parameters; ///< offset and size, by number
    };
    struct Variable {
        std::string name;
        uint64_t bytes;
    };
    std::vector<Kernel> kernels;
    std::vector<Variable> variables; ///< in global and constant memory
};

/// Throws std::runtime_error that says what cannot be read.
ElfContents elf_contents(std::span<const std::byte> file);

} // namespace vgpu::image
