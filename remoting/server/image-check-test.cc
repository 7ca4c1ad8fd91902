// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/image-check.h"

#include <gtest/gtest.h>

#include <cstring>
#include <elf.h>
#include <vector>

using vgpu::server::image_fault;

namespace
{

using Bytes = std::vector<std::byte>;

template<class T>
void put(Bytes &bytes, size_t at, T value)
{
    if (bytes.size() < at + sizeof(T))
        bytes.resize(at + sizeof(T));
    std::memcpy(bytes.data() + at, &value, sizeof(T));
}

Bytes fatbin(uint64_t payload = 32)
{
    Bytes bytes(16 + 64 + 32);
    put<uint32_t>(bytes, 0, 0xBA55ED50);
    put<uint16_t>(bytes, 4, 1);
    put<uint16_t>(bytes, 6, 16);
    put<uint64_t>(bytes, 8, 64 + 32);
    put<uint16_t>(bytes, 16, 1);
    put<uint32_t>(bytes, 20, 64);
    put<uint64_t>(bytes, 24, payload);
    return bytes;
}

Bytes elf()
{
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_shoff = sizeof(header);
    header.e_shnum = 1;
    header.e_shentsize = sizeof(Elf64_Shdr);
    Bytes bytes;
    put(bytes, 0, header);
    put(bytes, sizeof(header), Elf64_Shdr{});
    return bytes;
}

} // namespace

TEST(ImageCheck, takes_what_is_whole)
{
    EXPECT_EQ(image_fault(fatbin()), nullptr);
    EXPECT_EQ(image_fault(elf()), nullptr);
    Bytes two = fatbin(), more = fatbin();
    two.insert(two.end(), more.begin(), more.end());
    two.resize(two.size() + 8); // padding
    EXPECT_EQ(image_fault(two), nullptr);
    const char ptx[] = ".version 7.0";
    EXPECT_EQ(image_fault(std::as_bytes(std::span(ptx))), nullptr);
}

TEST(ImageCheck, refuses_every_truncation)
{
    for (const Bytes &whole : {fatbin(), elf()})
        for (size_t n = 0; n < whole.size(); ++n) {
            // Fewer bytes than a magic, ending in a NUL, are a (bad) text: the driver may have
            // that.
            Bytes part(whole.begin(), whole.begin() + ptrdiff_t(n));
            if (n >= 4) {
                EXPECT_NE(image_fault(part), nullptr) << n;
            }
        }
}

TEST(ImageCheck, refuses_lies)
{
    EXPECT_NE(image_fault({}), nullptr);
    EXPECT_NE(image_fault(std::as_bytes(std::span("text", 4))), nullptr); // no NUL
    EXPECT_NE(image_fault(fatbin(33)), nullptr);
    EXPECT_NE(image_fault(fatbin(~uint64_t(0))), nullptr);
    Bytes image = fatbin();
    put<uint64_t>(image, 8, ~uint64_t(0) - 8);
    EXPECT_NE(image_fault(image), nullptr);
    image = fatbin();
    put<uint32_t>(image, 20, 8); // an entry's header within its own fields
    EXPECT_NE(image_fault(image), nullptr);
    image = fatbin();
    put<uint32_t>(image, 16 + 0x10, 33); // compressed
    EXPECT_NE(image_fault(image), nullptr);
    image = elf();
    Elf64_Shdr section{};
    section.sh_type = SHT_PROGBITS;
    section.sh_offset = 8;
    section.sh_size = ~uint64_t(0) - 4;
    put(image, sizeof(Elf64_Ehdr), section);
    EXPECT_NE(image_fault(image), nullptr);
    image = fatbin();
    image.push_back(std::byte{1});
    EXPECT_NE(image_fault(image), nullptr);
}
