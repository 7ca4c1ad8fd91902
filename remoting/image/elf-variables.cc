// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/variables.h"

#include <cstring>
#include <elf.h>
#include <stdexcept>

namespace vgpu::image
{
namespace
{

template<class T>
T at(std::span<const std::byte> file, uint64_t offset)
{
    if (offset > file.size() || sizeof(T) > file.size() - offset)
        throw std::runtime_error("cubin: cut short at byte " + std::to_string(offset));
    T value;
    memcpy(&value, file.data() + offset, sizeof(T));
    return value;
}

Elf64_Shdr section(std::span<const std::byte> file, const Elf64_Ehdr &header, unsigned index)
{
    // A product of 16 bits and 6 cannot overflow, the sum with a stranger's offset can.
    uint64_t place;
    if (__builtin_add_overflow(header.e_shoff, index * sizeof(Elf64_Shdr), &place))
        throw std::runtime_error("cubin: its section headers lie outside it");
    return at<Elf64_Shdr>(file, place);
}

std::string_view name_of(std::span<const std::byte> file, const Elf64_Shdr &names, uint32_t index)
{
    if (names.sh_offset > file.size() || names.sh_size > file.size() - names.sh_offset)
        throw std::runtime_error("cubin: its section names lie outside it");
    std::string_view all(reinterpret_cast<const char *>(file.data()) + names.sh_offset,
                         names.sh_size);
    if (index >= all.size())
        return {};
    return all.substr(index, all.find('\0', index) - index);
}

} // namespace

// Shared memory is marked as loaded too, but lies in the multiprocessors.
uint64_t elf_variable_bytes(std::span<const std::byte> file)
{
    auto header = at<Elf64_Ehdr>(file, 0);
    if (header.e_shnum == 0)
        return 0;
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum)
        throw std::runtime_error("cubin: its section headers are of no known form");
    Elf64_Shdr names = section(file, header, header.e_shstrndx);
    uint64_t total = 0;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr one = section(file, header, i);
        std::string_view name = name_of(file, names, one.sh_name);
        bool variables = name.starts_with(".nv.global") || name.starts_with(".nv.constant");
        bool loaded = (one.sh_flags & SHF_ALLOC) && !name.starts_with(".nv.shared");
        if (variables || loaded)
            total = add_aligned(total, one.sh_size, one.sh_addralign);
    }
    return total;
}

} // namespace vgpu::image
