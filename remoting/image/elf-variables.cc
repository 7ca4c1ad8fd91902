// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/elf-file.h"
#include "remoting/image/variables.h"

namespace vgpu::image
{

// Shared memory is marked as loaded too, but lies in the multiprocessors.
uint64_t elf_variable_bytes(std::span<const std::byte> bytes)
{
    const ElfFile file(bytes);
    uint64_t total = 0;
    for (unsigned i = 0; i < file.sections(); ++i) {
        Elf64_Shdr one = file.section(i);
        std::string_view name = file.name_of(one);
        bool variables = name.starts_with(".nv.global") || name.starts_with(".nv.constant");
        bool loaded = (one.sh_flags & SHF_ALLOC) && !name.starts_with(".nv.shared");
        if (variables || loaded)
            total = add_aligned(total, one.sh_size, one.sh_addralign);
    }
    return total;
}

} // namespace vgpu::image
