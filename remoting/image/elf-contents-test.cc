// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/elf-contents.h"

#include <gtest/gtest.h>

#include <cstring>
#include <elf.h>
#include <stdexcept>

using namespace vgpu::image;

namespace
{

using Bytes = std::vector<std::byte>;

template<class T>
void add(Bytes &to, const T &value)
{
    auto *from = reinterpret_cast<const std::byte *>(&value);
    to.insert(to.end(), from, from + sizeof value);
}

Bytes text(std::string_view string)
{
    auto *from = reinterpret_cast<const std::byte *>(string.data());
    return {from, from + string.size()};
}

void add_parameter(Bytes &info, uint16_t number, uint16_t offset, uint32_t size)
{
    for (uint16_t half : {uint16_t(0x1704), uint16_t(12), uint16_t(0), uint16_t(0), number, offset})
        add(info, half);
    add(info, size << 18 | 0x1f000);
}

// Kernel "k", device function "d", variables "v" and "c"; names begin at 1, 3, 5, 7.
Bytes cubin(const Bytes &info)
{
    using namespace std::string_literals;
    struct Part {
        const char *name;
        uint32_t type;
        Bytes bytes;
    };
    Bytes symbols(sizeof(Elf64_Sym));
    add(symbols, Elf64_Sym{1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0x10, 4, 0, 128});
    add(symbols, Elf64_Sym{3, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 4, 0, 128});
    add(symbols, Elf64_Sym{5, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 5, 0, 40});
    add(symbols, Elf64_Sym{7, ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), 0, 6, 0, 8});
    const Part parts[] = {{".strtab", SHT_STRTAB, text("\0k\0d\0v\0c\0"s)},
                          {".symtab", SHT_SYMTAB, symbols},
                          {".nv.info.k", SHT_LOPROC, info},
                          {".text.k", SHT_PROGBITS, text("code")},
                          {".nv.global", SHT_PROGBITS, text("data")},
                          {".nv.constant3", SHT_PROGBITS, text("data")}};
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> sections(1);
    Bytes contents;
    size_t start = sizeof(Elf64_Ehdr) + 8 * sizeof(Elf64_Shdr);
    auto put = [&](const char *name, uint32_t type, const Bytes &bytes) {
        Elf64_Shdr one{};
        one.sh_name = uint32_t(names.size());
        one.sh_type = type;
        one.sh_offset = start + contents.size();
        one.sh_size = bytes.size();
        one.sh_link = 1;
        names += name + std::string(1, '\0');
        contents.insert(contents.end(), bytes.begin(), bytes.end());
        sections.push_back(one);
    };
    for (const Part &part : parts)
        put(part.name, part.type, part.bytes);
    names += ".shstrtab"s + '\0';
    std::string all = names;
    put(".shstrtab", SHT_STRTAB, text(all));
    Elf64_Ehdr header{};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_shoff = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = uint16_t(sections.size());
    header.e_shstrndx = uint16_t(sections.size() - 1);
    Bytes file;
    add(file, header);
    for (auto &one : sections)
        add(file, one);
    file.insert(file.end(), contents.begin(), contents.end());
    return file;
}

TEST(ElfContents, have_kernels_with_parameters_and_variables)
{
    Bytes info;
    for (unsigned char byte : {0x03, 0x19, 0x21, 0x00}) // a record that is no parameter
        add(info, byte);
    add_parameter(info, 1, 8, 16); // in any order
    add_parameter(info, 0, 0, 4);
    auto contents = elf_contents(cubin(info));
    ASSERT_EQ(contents.kernels.size(), 1u);
    EXPECT_EQ(contents.kernels[0].name, "k");
    using List = std::vector<std::pair<uint32_t, uint32_t>>;
    EXPECT_EQ(contents.kernels[0].parameters, (List{{0, 4}, {8, 16}}));
    ASSERT_EQ(contents.variables.size(), 2u);
    EXPECT_EQ(contents.variables[0].name, "v");
    EXPECT_EQ(contents.variables[0].bytes, 40u);
    EXPECT_EQ(contents.variables[1].name, "c");
}

TEST(ElfContents, are_refused_if_they_cannot_be_read)
{
    Bytes gap, cut;
    add_parameter(gap, 1, 8, 16);
    EXPECT_THROW(elf_contents(cubin(gap)), std::runtime_error);
    add_parameter(cut, 0, 0, 4);
    cut.resize(cut.size() - 2);
    EXPECT_THROW(elf_contents(cubin(cut)), std::runtime_error);
    auto good = cubin({});
    for (size_t size = 0; size < good.size(); size += 5)
        EXPECT_THROW(elf_contents({good.data(), size}), std::runtime_error) << size;
}

} // namespace
