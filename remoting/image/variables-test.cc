// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/test-fatbin.h"
#include "remoting/image/variables.h"

#include <elf.h>
#include <gtest/gtest.h>

namespace
{

using namespace vgpu::image;

std::string program(const std::string &declarations)
{
    return ".version 8.0\n.target sm_75\n.address_size 64\n" + declarations + R"(
.visible .entry copy(.param .u64 .ptr .global .align 4 from, .param .u64 to)
{
    .reg .b64 %rd<4>;
    .reg .b32 %r<6>;
    .loc 1 5 3
    ld.param.u64 %rd1, [from];
    cvta.to.global.u64 %rd2, %rd1; // .global .u32 none[100];
    @%p1 bra L1;
L1: ld.global.v2.u32 {%r1, %r2}, [%rd2];
    .loc 1 6 3
    st.global.u32 [%rd2], %r1; /* .global .b8 nothing[7]; */
    cp.async.ca.shared.global.L2::128B [%r1], [%rd2], 16;
    ret;
}
)";
}

uint64_t bytes_of(const std::string &declarations)
{
    return ptx_variable_bytes(program(declarations));
}

TEST(PtxVariables, AreCountedByTypeAndShape)
{
    EXPECT_EQ(bytes_of(""), 0u);
    EXPECT_EQ(bytes_of(".visible .global .align 4 .u32 answer = 42;"), 4u);
    EXPECT_EQ(bytes_of(".global .b8 a[10];\n.global .f64 b;"), 24u); // aligned
    EXPECT_EQ(bytes_of(".global .align 256 .b8 a[1]; .weak .global .align 256 .b8 b[1];"), 257u);
    EXPECT_EQ(bytes_of(".const .v4 .f32 c[3][5];"), 240u);
    EXPECT_EQ(bytes_of(".global .bf16x2 a, b[3];"), 16u);
    EXPECT_EQ(bytes_of(".global .attribute(.managed) .s64 m[2];"), 16u);
    EXPECT_EQ(bytes_of(".global .texref t; .global .surfref s;"), 16u);
    EXPECT_EQ(bytes_of(".global .b8 x[(1 << 20) * 3 - 0x10];"), (3u << 20) - 16);
    EXPECT_EQ(bytes_of(".shared .b8 s[100]; .extern .shared .b8 d[];"), 0u);
    EXPECT_EQ(bytes_of(".extern .global .u32 elsewhere[100];"), 0u);
    EXPECT_EQ(bytes_of(".common .global .u32 tentative[100];"), 400u);
}

TEST(PtxVariables, AreCountedByTheirInitialisers)
{
    EXPECT_EQ(bytes_of(".global .u32 a[] = {1, 2, 3};"), 12u);
    EXPECT_EQ(bytes_of(".global .u32 a[][2] = {{1, 2}, {3, 4}, {5}}; .global .u8 b;"), 25u);
    EXPECT_EQ(bytes_of(".global .u64 a[] = {generic(x), 0xFF(y), z+4}, b = 1;"), 32u);
    EXPECT_EQ(bytes_of(".global .u64 a[4] = {0, 1};"), 32u);
}

// What a hostile text leaves out between its directives must not hide one.
TEST(PtxVariables, AreFoundWhereverTheyStand)
{
    EXPECT_EQ(ptx_variable_bytes(".target sm_75.global .u32 x;"), 4u);
    EXPECT_EQ(ptx_variable_bytes(".address_size 64.global.align 4.u32 x[7];"), 28u);
    EXPECT_EQ(ptx_variable_bytes(".entry k() { L: .global .u32 x; ret; .global .u32 y; }"), 8u);
    EXPECT_EQ(ptx_variable_bytes(".file 1 \"a.cu\"\n.global .u32 x;"), 4u);
}

TEST(PtxVariables, AreNeverTooManyToCount)
{
    EXPECT_EQ(bytes_of(".global .b8 x[0xffffffffffffffff][0xffffffffffffffff];"), UINT64_MAX);
    EXPECT_EQ(bytes_of(".global .b64 x[0x2000000000000000];"), UINT64_MAX);
    EXPECT_EQ(bytes_of(".global .b8 x[0xffffffffffffffff]; .global .b8 y[9];"), UINT64_MAX);
}

TEST(PtxVariables, AreRefusedIfTheyCannotBeRead)
{
    for (const char *text : {".global .u32 x[", ".global .u32 x[1/0];", ".global .u32 ;",
                             ".global .u32 x[y];", ".global .u32 x", ".global .attribute(.man"})
        EXPECT_THROW(ptx_variable_bytes(text), std::runtime_error) << text;
}

Bytes cubin(std::initializer_list<std::pair<std::string, Elf64_Shdr>> list)
{
    std::string names(1, '\0');
    std::vector<Elf64_Shdr> sections(1);
    for (auto [name, section] : list) {
        section.sh_name = static_cast<uint32_t>(names.size());
        names += name + '\0';
        sections.push_back(section);
    }
    Elf64_Shdr strings{};
    strings.sh_type = SHT_STRTAB;
    strings.sh_size = names.size();
    strings.sh_offset = sizeof(Elf64_Ehdr) + (sections.size() + 1) * sizeof(Elf64_Shdr);
    sections.push_back(strings);
    Elf64_Ehdr header{};
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_shoff = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<uint16_t>(sections.size());
    header.e_shstrndx = static_cast<uint16_t>(sections.size() - 1);
    Bytes bytes(strings.sh_offset + names.size());
    memcpy(bytes.data(), &header, sizeof header);
    memcpy(bytes.data() + sizeof header, sections.data(), sections.size() * sizeof(Elf64_Shdr));
    memcpy(bytes.data() + strings.sh_offset, names.data(), names.size());
    return bytes;
}

Elf64_Shdr section(uint64_t size, uint64_t flags, uint32_t type = SHT_NOBITS)
{
    Elf64_Shdr one{};
    one.sh_type = type;
    one.sh_flags = flags;
    one.sh_size = size;
    one.sh_addralign = 4;
    return one;
}

TEST(ElfVariables, AreWhatIsLoaded)
{
    auto bytes = cubin({{".text.k", section(128, SHF_ALLOC | SHF_EXECINSTR)},
                        {".nv.global", section(1000, SHF_ALLOC | SHF_WRITE)},
                        {".nv.global.init", section(24, SHF_ALLOC | SHF_WRITE)},
                        {".nv.constant3", section(64, 0)},
                        {".nv.shared.k", section(4096, SHF_ALLOC | SHF_WRITE)},
                        {".nv.info", section(333, 0)}});
    EXPECT_EQ(elf_variable_bytes(bytes), 128u + 1000 + 24 + 64);
    EXPECT_EQ(variable_bytes(bytes, 80), 128u + 1000 + 24 + 64);
}

TEST(ElfVariables, AreRefusedIfTheyCannotBeRead)
{
    auto good = cubin({{".nv.global", section(1000, SHF_ALLOC)}});
    for (size_t size = 0; size < good.size(); size += 7)
        EXPECT_THROW(elf_variable_bytes({good.data(), size}), std::runtime_error) << size;
    for (size_t at : {offsetof(Elf64_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_shentsize),
                      offsetof(Elf64_Ehdr, e_shstrndx)}) {
        auto bytes = good;
        memset(bytes.data() + at, 0xff, at == offsetof(Elf64_Ehdr, e_shoff) ? 8 : 2);
        EXPECT_THROW(elf_variable_bytes(bytes), std::runtime_error) << at;
    }
    auto huge = cubin({{".nv.global", section(UINT64_MAX, SHF_ALLOC)},
                       {".nv.global.init", section(UINT64_MAX, SHF_ALLOC)}});
    EXPECT_EQ(elf_variable_bytes(huge), UINT64_MAX);
}

TEST(FatbinVariables, AreThoseOfTheLargestThatCanBeLoaded)
{
    auto elf = cubin({{".nv.global", section(5000, SHF_ALLOC)}});
    std::string machine(reinterpret_cast<char *>(elf.data()), elf.size());
    std::string small = program(".global .u32 x[10];"), large = program(".global .u32 x[1000];");
    for (Pack pack : {Pack::none, Pack::lz4, Pack::zstd}) {
        auto bytes = container(
            {entry(1, 75, small, pack), entry(1, 90, large, pack), entry(2, 86, machine, pack)});
        EXPECT_EQ(variable_bytes(bytes, 75), 40u);
        EXPECT_EQ(variable_bytes(bytes, 80), 40u); // machine code is not for an older device
        EXPECT_EQ(variable_bytes(bytes, 89), 5000u);
        EXPECT_EQ(variable_bytes(bytes, 90), 4000u); // nor for another major number
        EXPECT_EQ(variable_bytes(bytes, 70), 0u);    // there is nothing that a driver could load
    }
    auto text = std::as_bytes(std::span(large.c_str(), large.size() + 1));
    EXPECT_EQ(variable_bytes(text, 80), 4000u);
}

} // namespace
