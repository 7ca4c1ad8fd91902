// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/image.h"

#include <algorithm>
#include <cstring>
#include <elf.h>

namespace vgpu::client
{
namespace
{

constexpr uint32_t kWrapperMagic = 0x466243B1;
constexpr uint32_t kFatbinMagic = 0xBA55ED50;

// The wrapper that nvcc puts into .nvFatBinSegment: 24 bytes, the header's address at 8.
struct Wrapper {
    uint32_t magic;
    uint32_t version;
    uint64_t header;
    uint64_t extra;
};
static_assert(sizeof(Wrapper) == 24);

struct FatbinHeader {
    uint32_t magic;
    uint16_t version;
    uint16_t header_bytes;
    uint64_t payload_bytes;
};
static_assert(sizeof(FatbinHeader) == 16);

template<class T>
T load(const std::byte *at)
{
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

// Several containers may follow one another. What follows the last one is unknown memory, so that
// only its first four bytes are looked at, and only while the sum stays 8-byte aligned, as the
// containers are.
uint64_t fatbin_bytes(const std::byte *data, uint64_t limit)
{
    uint64_t total = 0;
    while (limit - total >= sizeof(FatbinHeader)) {
        if (load<uint32_t>(data + total) != kFatbinMagic)
            break;
        auto header = load<FatbinHeader>(data + total);
        uint64_t left = limit - total;
        if (header.header_bytes < sizeof(FatbinHeader) || header.header_bytes > left ||
            header.payload_bytes > left - header.header_bytes)
            return 0;
        total += header.header_bytes + header.payload_bytes;
        if (total % 8 != 0)
            break;
    }
    return total;
}

// The end of whatever lies last in the file: header tables or a section's or segment's contents.
uint64_t elf_bytes(const std::byte *data, uint64_t limit)
{
    if (limit < sizeof(Elf64_Ehdr))
        return 0;
    auto header = load<Elf64_Ehdr>(data);
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    uint64_t end = sizeof(Elf64_Ehdr);
    auto extend = [&](uint64_t offset, uint64_t bytes) {
        if (offset > limit || bytes > limit - offset)
            return false;
        end = std::max(end, offset + bytes);
        return true;
    };
    if (header.e_shnum != 0) {
        if (header.e_shentsize != sizeof(Elf64_Shdr) ||
            !extend(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)))
            return 0;
        for (unsigned i = 0; i < header.e_shnum; ++i) {
            auto section = load<Elf64_Shdr>(data + header.e_shoff + i * sizeof(Elf64_Shdr));
            if (section.sh_type != SHT_NOBITS && !extend(section.sh_offset, section.sh_size))
                return 0;
        }
    }
    if (header.e_phnum != 0) {
        if (header.e_phentsize != sizeof(Elf64_Phdr) ||
            !extend(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)))
            return 0;
        for (unsigned i = 0; i < header.e_phnum; ++i) {
            auto segment = load<Elf64_Phdr>(data + header.e_phoff + i * sizeof(Elf64_Phdr));
            if (!extend(segment.p_offset, segment.p_filesz))
                return 0;
        }
    }
    return end;
}

// PTX is text that ends with a NUL; the NUL is sent too, since the driver wants it.
uint64_t ptx_bytes(const std::byte *data, uint64_t limit)
{
    auto text = reinterpret_cast<const char *>(data);
    size_t n = strnlen(text, limit);
    if (n == limit)
        return 0;
    for (size_t i = 0; i < std::min<size_t>(n, 256); ++i) {
        auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != '\v')
            return 0;
    }
    return n == 0 ? 0 : n + 1; // whether it is good PTX is the driver's to say, with its error log
}

Extent made(const std::byte *data, uint64_t bytes, ImageKind kind)
{
    return bytes == 0 ? Extent{} : Extent{data, bytes, kind};
}

} // namespace

Extent image_extent(const void *image, uint64_t limit)
{
    auto data = static_cast<const std::byte *>(image);
    if (!data || limit == 0)
        return {};
    // Fewer than four bytes can only be (bad) text; and a text's first NUL must not be passed.
    uint32_t magic = 0;
    for (unsigned i = 0; i < 4 && i < limit; ++i) {
        magic |= std::to_integer<uint32_t>(data[i]) << (8 * i);
        if (data[i] == std::byte(0))
            break;
    }
    if (magic == kWrapperMagic && limit >= sizeof(Wrapper)) {
        auto wrapper = load<Wrapper>(data);
        auto header = reinterpret_cast<const std::byte *>(wrapper.header);
        // The header lies elsewhere in the process: the caller's limit says nothing about it.
        return header ? made(header, fatbin_bytes(header, kMaxImage), ImageKind::fatbin) : Extent{};
    }
    if (magic == kFatbinMagic)
        return made(data, fatbin_bytes(data, limit), ImageKind::fatbin);
    if (magic == 0x464C457Fu)
        return made(data, elf_bytes(data, limit), ImageKind::elf);
    return made(data, ptx_bytes(data, limit), ImageKind::ptx);
}

const char *image_problem(const void *image)
{
    if (!image)
        return "the image is a null pointer";
    return "the image is no fatbin, no 64-bit cubin and no PTX text, or its lengths contradict "
           "each other";
}

} // namespace vgpu::client
