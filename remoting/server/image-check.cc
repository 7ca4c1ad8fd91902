// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/image-check.h"

#include <cstdint>
#include <cstring>
#include <elf.h>

namespace vgpu::server
{
namespace
{

constexpr uint32_t kFatbin = 0xBA55ED50;

template<class T>
T at(std::span<const std::byte> image, size_t offset)
{
    T value;
    std::memcpy(&value, image.data() + offset, sizeof(T));
    return value;
}

bool within(std::span<const std::byte> image, uint64_t offset, uint64_t bytes)
{
    return offset <= image.size() && bytes <= image.size() - offset;
}

// Entries: u16 kind, u16 version, u32 header bytes, u64 padded payload bytes, u32 compressed bytes,
// ...
const char *entries_fault(std::span<const std::byte> body)
{
    while (!body.empty()) {
        if (body.size() < 64)
            return "the fatbin ends inside an entry's header";
        uint64_t header = at<uint32_t>(body, 4), payload = at<uint64_t>(body, 8);
        uint64_t compressed = at<uint32_t>(body, 0x10);
        uint64_t name = at<uint32_t>(body, 0x20), name_bytes = at<uint32_t>(body, 0x24);
        if (header < 64 || !within(body, header, payload))
            return "an entry of the fatbin is longer than the fatbin";
        if (compressed > payload)
            return "a compressed entry of the fatbin is longer than its place";
        if (name_bytes && !within(body.first(header), name, name_bytes))
            return "the name of an entry lies outside its header";
        body = body.subspan(header + payload);
    }
    return nullptr;
}

// Headers, 16 bytes each, may follow one another: u32 magic, u16 version, u16 header bytes, u64
// payload bytes.
const char *fatbin_fault(std::span<const std::byte> image)
{
    while (image.size() >= 4 && at<uint32_t>(image, 0) == kFatbin) {
        if (image.size() < 16)
            return "the fatbin ends inside its header";
        uint64_t header = at<uint16_t>(image, 6), payload = at<uint64_t>(image, 8);
        if (header < 16 || !within(image, header, payload))
            return "the fatbin is longer than the image";
        if (const char *fault = entries_fault(image.subspan(header, payload)))
            return fault;
        image = image.subspan(header + payload);
    }
    for (std::byte rest : image)
        if (rest != std::byte{0})
            return "something that is no fatbin follows the fatbin";
    return nullptr;
}

const char *elf_fault(std::span<const std::byte> image)
{
    if (image.size() < sizeof(Elf64_Ehdr))
        return "the ELF file ends inside its header";
    auto header = at<Elf64_Ehdr>(image, 0);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
        return "the ELF file is not a 64-bit little-endian one";
    if ((header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr)) ||
        !within(image, header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)))
        return "the ELF file's section headers lie outside it";
    if ((header.e_phnum && header.e_phentsize != sizeof(Elf64_Phdr)) ||
        !within(image, header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)))
        return "the ELF file's program headers lie outside it";
    if (header.e_shnum && header.e_shstrndx >= header.e_shnum)
        return "the ELF file's section of names is none";
    for (unsigned i = 0; i < header.e_shnum; ++i) {
        auto section = at<Elf64_Shdr>(image, header.e_shoff + i * sizeof(Elf64_Shdr));
        if (section.sh_type != SHT_NOBITS && !within(image, section.sh_offset, section.sh_size))
            return "a section of the ELF file lies outside it";
    }
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        auto segment = at<Elf64_Phdr>(image, header.e_phoff + i * sizeof(Elf64_Phdr));
        if (!within(image, segment.p_offset, segment.p_filesz))
            return "a segment of the ELF file lies outside it";
    }
    return nullptr;
}

} // namespace

const char *image_fault(std::span<const std::byte> image) noexcept
{
    if (image.size() >= 4 && at<uint32_t>(image, 0) == kFatbin)
        return fatbin_fault(image);
    if (image.size() >= 4 && std::memcmp(image.data(), ELFMAG, SELFMAG) == 0)
        return elf_fault(image);
    if (image.empty() || image.back() != std::byte{0})
        return "the image is neither a fatbin nor an ELF file nor PTX text that ends with a NUL";
    return nullptr;
}

} // namespace vgpu::server
