// SPDX-License-Identifier: Apache-2.0
// The library itself, versions, and what concerns no single device.
#include "remoting/nvml/library.h"

#include <cstdio>
#include <unistd.h>

namespace vgpu::nvml
{

Result nvmlInit_v2()
{
    return Library::get().start(0);
}

Result nvmlInitWithFlags(unsigned flags)
{
    return Library::get().start(flags);
}

Result nvmlShutdown()
{
    return Library::get().stop();
}

namespace
{

const Slice &any_slice()
{
    Library &library = Library::get();
    if (!library.count())
        throw Answer{kDriverNotLoaded};
    return library.slice(Library::handle(0));
}

} // namespace

Result nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    return put_text(any_slice().driver, version, length);
}

// NVIDIA's is the driver's with CUDA's major before it.
Result nvmlSystemGetNVMLVersion(char *version, unsigned length)
{
    const Slice &slice = any_slice();
    return put_text(std::to_string(slice.cuda_version / 1000) + "." + slice.driver, version,
                    length);
}

Result nvmlSystemGetCudaDriverVersion(int *version)
{
    need(version);
    *version = any_slice().cuda_version;
    return kSuccess;
}

Result nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length)
{
    need(name);
    if (!length)
        return kInvalidArgument;
    char path[64], target[4096];
    std::snprintf(path, sizeof path, "/proc/%u/exe", pid);
    const ssize_t n = readlink(path, target, sizeof target);
    if (n <= 0)
        return access(("/proc/" + std::to_string(pid)).c_str(), F_OK) == 0 ? kNoPermission
                                                                           : kNotFound;
    // Cut to what fits, as NVIDIA's does.
    return put_text(std::string(target, size_t(n)).substr(0, length - 1), name, length);
}

Result nvmlSystemGetHicVersion(unsigned *count, void *)
{
    return answer_none(count);
}

// Which cores of another machine are near says nothing about this one's.
Result nvmlSystemGetTopologyGpuSet(unsigned, unsigned *count, Handle *)
{
    need(count);
    return kNotSupported;
}

} // namespace vgpu::nvml
