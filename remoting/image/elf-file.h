// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstring>
#include <elf.h>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vgpu::image
{

/// The sections of a cubin. Every offset in it is a stranger's: std::runtime_error where one lies
/// outside.
class ElfFile
{
public:
    explicit ElfFile(std::span<const std::byte> file) : file_(file), header_(at<Elf64_Ehdr>(0))
    {
        if (header_.e_shnum == 0)
            return;
        if (header_.e_shentsize != sizeof(Elf64_Shdr) || header_.e_shstrndx >= header_.e_shnum)
            throw std::runtime_error("cubin: its section headers are of no known form");
        names_ = text(section(header_.e_shstrndx), "section names");
    }
    unsigned sections() const { return header_.e_shnum; }
    Elf64_Shdr section(unsigned index) const
    {
        // A product of 16 bits and 6 cannot overflow, the sum with a stranger's offset can.
        uint64_t place;
        if (__builtin_add_overflow(header_.e_shoff, index * sizeof(Elf64_Shdr), &place))
            throw std::runtime_error("cubin: its section headers lie outside it");
        return at<Elf64_Shdr>(place);
    }
    std::string_view name_of(const Elf64_Shdr &section) const
    {
        return name_in(names_, section.sh_name);
    }
    static std::string_view name_in(std::string_view all, uint32_t index)
    {
        return index >= all.size() ? std::string_view()
                                   : all.substr(index, all.find('\0', index) - index);
    }
    std::span<const std::byte> bytes(const Elf64_Shdr &section, const char *what) const
    {
        if (section.sh_offset > file_.size() || section.sh_size > file_.size() - section.sh_offset)
            throw std::runtime_error("cubin: its " + std::string(what) + " lie outside it");
        return file_.subspan(section.sh_offset, section.sh_size);
    }
    std::string_view text(const Elf64_Shdr &section, const char *what) const
    {
        auto all = bytes(section, what);
        return {reinterpret_cast<const char *>(all.data()), all.size()};
    }

private:
    template<class T>
    T at(uint64_t offset) const
    {
        if (offset > file_.size() || sizeof(T) > file_.size() - offset)
            throw std::runtime_error("cubin: cut short at byte " + std::to_string(offset));
        T value;
        memcpy(&value, file_.data() + offset, sizeof(T));
        return value;
    }

    std::span<const std::byte> file_;
    Elf64_Ehdr header_;
    std::string_view names_;
};

} // namespace vgpu::image
