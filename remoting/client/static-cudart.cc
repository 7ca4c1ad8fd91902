// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/static-cudart.h"

#include "remoting/base/log.h"

#include <atomic>
#include <cstring>
#include <limits.h>
#include <link.h>
#include <string>
#include <unistd.h>

namespace vgpu::client
{
namespace
{

// The pattern by which that runtime names a shared-memory object of its own; our runtime has no
// such thing. It is put together here so that this library's own read-only data does not hold it.
constexpr char kHead[] = "/cudart.";
constexpr char kTail[] = "shm.%";

struct Search {
    const void *address; // in the object that is wanted; null for the main program
    bool main_program = false;
    bool found = false;
    std::string name;
};

bool contains(const dl_phdr_info &info, const void *address)
{
    auto at = reinterpret_cast<ElfW(Addr)>(address);
    for (int i = 0; i < info.dlpi_phnum; ++i) {
        const ElfW(Phdr) &segment = info.dlpi_phdr[i];
        if (segment.p_type == PT_LOAD && at - (info.dlpi_addr + segment.p_vaddr) < segment.p_memsz)
            return true;
    }
    return false;
}

// The main program comes first and has no name.
int look(dl_phdr_info *info, size_t, void *data)
{
    auto &search = *static_cast<Search *>(data);
    if (search.address && !contains(*info, search.address))
        return 0;
    search.main_program = !info->dlpi_name || !*info->dlpi_name;
    search.name = search.main_program ? "" : info->dlpi_name;
    for (int i = 0; i < info->dlpi_phnum && !search.found; ++i) {
        const ElfW(Phdr) &segment = info->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_R) || (segment.p_flags & PF_W))
            continue;
        auto first = reinterpret_cast<const std::byte *>(info->dlpi_addr + segment.p_vaddr);
        search.found = holds_nvidia_runtime({first, segment.p_filesz});
    }
    return 1;
}

std::string program_name()
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    return n > 0 ? std::string(path, size_t(n)) : "this program";
}

void tell(const Search &search)
{
    static std::atomic<bool> told{false}; // whichever thread is first tells
    if (told.exchange(true, std::memory_order_relaxed))
        return;
    const std::string &name = search.main_program ? program_name() : search.name;
    if (name.find("/libcudart.so") != std::string::npos)
        log(Level::error,
            "%s is NVIDIA's CUDA runtime, which runs over NVIDIA's own driver only: let "
            "slurm-vgpu's libcudart come before "
            "it (LD_LIBRARY_PATH and LD_PRELOAD, as vgpu-run and the Slurm plugin set them), or "
            "run the job on the GPU node itself",
            name.c_str());
    else
        log(Level::error,
            "%s has NVIDIA's CUDA runtime linked in (nvcc's default), which runs over NVIDIA's own "
            "driver only. Either rebuild it with "
            "\"nvcc -cudart shared\" (NVCC_APPEND_FLAGS=\"-cudart shared\" in the environment of "
            "the build does it without a change to "
            "the build files), or relink it with slurm-vgpu's libcudart_static.a (nvcc -L<its "
            "directory>), or run the job on the GPU "
            "node itself, over the genuine driver",
            name.c_str());
}

bool report([[maybe_unused]] const void *address) noexcept
{
#ifdef __SANITIZE_ADDRESS__
    return false; // it forbids to read one's own image from end to end, red zones included
#else
    try {
        Search search{.address = address, .name = {}};
        dl_iterate_phdr(look, &search);
        if (search.found)
            tell(search);
        return search.found;
    } catch (...) {
        return false;
    }
#endif
}

} // namespace

bool holds_nvidia_runtime(std::span<const std::byte> bytes) noexcept
{
    constexpr size_t head = sizeof(kHead) - 1, tail = sizeof(kTail) - 1;
    const std::byte *at = bytes.data(), *end = at + bytes.size();
    while ((at = static_cast<const std::byte *>(memmem(at, size_t(end - at), kHead, head)))) {
        at += head;
        if (size_t(end - at) >= tail && std::memcmp(at, kTail, tail) == 0)
            return true;
    }
    return false;
}

bool report_static_cudart() noexcept
{
    return report(nullptr);
}

void report_caller(const void *address) noexcept
{
    report(address);
}

} // namespace vgpu::client
