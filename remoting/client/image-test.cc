// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/image.h"

#include <cstring>
#include <elf.h>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace vgpu::client;

namespace
{

using Bytes = std::vector<std::byte>;

template<class T>
void append(Bytes &bytes, T value)
{
    size_t at = bytes.size();
    bytes.resize(at + sizeof(T));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
}

Bytes fatbin(uint64_t payload, uint16_t header = 16)
{
    Bytes bytes;
    append<uint32_t>(bytes, 0xBA55ED50);
    append<uint16_t>(bytes, 1);
    append<uint16_t>(bytes, header);
    append<uint64_t>(bytes, payload);
    bytes.resize(16 + size_t(payload % 4096));
    return bytes;
}

Bytes cubin()
{
    Bytes bytes(sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Shdr) + 100);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_shoff = sizeof(Elf64_Ehdr) + 100;
    header.e_shnum = 2;
    header.e_shentsize = sizeof(Elf64_Shdr);
    std::memcpy(bytes.data(), &header, sizeof(header));
    Elf64_Shdr section{};
    section.sh_type = SHT_PROGBITS;
    section.sh_offset = sizeof(Elf64_Ehdr);
    section.sh_size = 100;
    std::memcpy(bytes.data() + header.e_shoff + sizeof(section), &section, sizeof(section));
    return bytes;
}

Extent extent(const Bytes &bytes)
{
    return image_extent(bytes.data(), bytes.size());
}

} // namespace

TEST(Image, AFatbinIsItsHeaderAndPayload)
{
    Bytes bytes = fatbin(48);
    EXPECT_EQ(extent(bytes).kind, ImageKind::fatbin);
    EXPECT_EQ(extent(bytes).bytes, 64u);
}

TEST(Image, FatbinsThatFollowOneAnotherAreOne)
{
    Bytes bytes = fatbin(48), second = fatbin(16);
    bytes.insert(bytes.end(), second.begin(), second.end());
    bytes.resize(bytes.size() + 64); // what lies behind is none
    EXPECT_EQ(extent(bytes).bytes, 64u + 32u);
}

TEST(Image, AWrapperPointsToTheFatbin)
{
    Bytes bytes = fatbin(48), wrapper;
    bytes.resize(bytes.size() + 16);
    append<uint32_t>(wrapper, 0x466243B1);
    append<uint32_t>(wrapper, 1);
    append<uint64_t>(wrapper, reinterpret_cast<uint64_t>(bytes.data()));
    append<uint64_t>(wrapper, 0);
    Extent found = extent(wrapper);
    EXPECT_EQ(found.data, bytes.data());
    EXPECT_EQ(found.bytes, 64u);
    std::memset(wrapper.data() + 8, 0, 8);
    EXPECT_FALSE(extent(wrapper));
}

TEST(Image, AFatbinThatLiesAboutItsLengthIsNone)
{
    EXPECT_FALSE(extent(fatbin(UINT64_MAX)));
    EXPECT_FALSE(extent(fatbin(UINT64_MAX - 15)));
    EXPECT_FALSE(extent(fatbin(4096 * 4 + 8)));
    EXPECT_FALSE(extent(fatbin(48, 8)));
    EXPECT_FALSE(extent(fatbin(48, 0xffff)));
}

TEST(Image, ACubinEndsWithItsLastTable)
{
    Bytes bytes = cubin();
    size_t size = bytes.size();
    bytes.resize(size + 64);
    EXPECT_EQ(extent(bytes).kind, ImageKind::elf);
    EXPECT_EQ(extent(bytes).bytes, size);
}

TEST(Image, ACubinWhoseTablesLieOutsideIsNone)
{
    for (size_t field : {offsetof(Elf64_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_phoff)}) {
        Bytes bytes = cubin();
        Elf64_Half one = 1, size = sizeof(Elf64_Phdr);
        std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_phnum), &one, sizeof(one));
        std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_phentsize), &size, sizeof(size));
        uint64_t far = UINT64_MAX - 8;
        std::memcpy(bytes.data() + field, &far, sizeof(far));
        EXPECT_FALSE(extent(bytes));
    }
    Bytes bytes = cubin();
    bytes.resize(bytes.size() - 1);
    EXPECT_FALSE(extent(bytes));
    bytes.resize(10);
    EXPECT_FALSE(extent(bytes));
}

TEST(Image, PtxIsTextWithItsNul)
{
    const char ptx[] = "// comment\n.version 7.5\n.target sm_75\n";
    Extent found = image_extent(ptx, sizeof(ptx));
    EXPECT_EQ(found.kind, ImageKind::ptx);
    EXPECT_EQ(found.bytes, sizeof(ptx));
    EXPECT_FALSE(image_extent(ptx, sizeof(ptx) - 1)); // no NUL within the limit
    EXPECT_FALSE(image_extent("", 1));
    EXPECT_FALSE(image_extent("\x01\x02\x03", 4));
    EXPECT_FALSE(image_extent(nullptr));
}

// Every prefix of a good image and thousands of damaged ones: never a read outside (the sanitizer's
// to see), never more than there is.
TEST(Image, DamagedImagesStayWithinTheirBytes)
{
    std::mt19937 random(1);
    for (const Bytes &good : {fatbin(48), cubin()}) {
        for (size_t n = 0; n <= good.size(); ++n) {
            Bytes part(good.begin(), good.begin() + ptrdiff_t(n));
            part.shrink_to_fit();
            EXPECT_LE(extent(part).bytes, n);
        }
        for (int round = 0; round < 5000; ++round) {
            Bytes bad = good;
            for (int i = 0; i < 4; ++i)
                bad[4 + random() % (bad.size() - 4)] = std::byte(random());
            EXPECT_LE(extent(bad).bytes, bad.size());
        }
    }
}
