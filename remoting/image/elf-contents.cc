// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/elf-contents.h"

#include "remoting/image/elf-file.h"

#include <map>

namespace vgpu::image
{
namespace
{

constexpr std::string_view kInfo = ".nv.info.";
constexpr unsigned char kEntryPoint = 0x10; // of a symbol's st_other

template<class T>
T word(std::span<const std::byte> bytes, size_t at)
{
    T value;
    memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

// Records of a kernel's .nv.info: a byte of form, a byte of kind, 16 bits; where the form is 4,
// these are the bytes of what follows, and else the value. Kind 0x17 is a parameter: u32, u16
// number, u16 offset, u32 whose upper 14 bits are the size.
std::vector<std::pair<uint32_t, uint32_t>> parameters(std::span<const std::byte> info)
{
    constexpr uint8_t kSized = 4, kParameter = 0x17;
    std::map<uint16_t, std::pair<uint32_t, uint32_t>> found;
    while (info.size() >= 4) {
        auto form = word<uint8_t>(info, 0), kind = word<uint8_t>(info, 1);
        size_t bytes = form == kSized ? word<uint16_t>(info, 2) : 0;
        if (bytes > info.size() - 4)
            throw std::runtime_error("cubin: a kernel's description is cut short");
        if (form == kSized && kind == kParameter && bytes >= 12)
            found[word<uint16_t>(info, 8)] = {word<uint16_t>(info, 10),
                                              word<uint32_t>(info, 12) >> 18};
        info = info.subspan(4 + bytes);
    }
    std::vector<std::pair<uint32_t, uint32_t>> list;
    for (auto &[number, one] : found) {
        if (number != list.size())
            throw std::runtime_error("cubin: parameter " + std::to_string(list.size()) +
                                     " of a kernel is missing");
        list.push_back(one);
    }
    return list;
}

bool holds_variables(std::string_view section)
{
    // Of the constant banks, 3 has the program's own; the others are the compiler's.
    return section.starts_with(".nv.global") || section == ".nv.constant3";
}

void read_symbols(const ElfFile &file, const Elf64_Shdr &table, ElfContents &contents)
{
    std::string_view names = file.text(file.section(table.sh_link), "symbol names");
    auto symbols = file.bytes(table, "symbols");
    for (; symbols.size() >= sizeof(Elf64_Sym); symbols = symbols.subspan(sizeof(Elf64_Sym))) {
        auto one = word<Elf64_Sym>(symbols, 0);
        std::string name(ElfFile::name_in(names, one.st_name));
        if (name.empty() || one.st_shndx == SHN_UNDEF || one.st_shndx >= file.sections())
            continue;
        unsigned type = ELF64_ST_TYPE(one.st_info);
        if (type == STT_FUNC && (one.st_other & kEntryPoint))
            contents.kernels.push_back({std::move(name), {}});
        else if (type == STT_OBJECT && holds_variables(file.name_of(file.section(one.st_shndx))))
            contents.variables.push_back({std::move(name), one.st_size});
    }
}

} // namespace

ElfContents elf_contents(std::span<const std::byte> bytes)
{
    const ElfFile file(bytes);
    ElfContents contents;
    std::map<std::string_view, std::span<const std::byte>> infos;
    for (unsigned i = 0; i < file.sections(); ++i) {
        Elf64_Shdr one = file.section(i);
        std::string_view name = file.name_of(one);
        if (one.sh_type == SHT_SYMTAB)
            read_symbols(file, one, contents);
        else if (name.starts_with(kInfo))
            infos[name.substr(kInfo.size())] = file.bytes(one, "descriptions of kernels");
    }
    for (auto &kernel : contents.kernels)
        if (auto at = infos.find(kernel.name); at != infos.end())
            kernel.parameters = parameters(at->second);
    return contents;
}

} // namespace vgpu::image
