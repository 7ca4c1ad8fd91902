// SPDX-License-Identifier: Apache-2.0
// cuFFT: callbacks that are given as code.
#include "remoting/libs/tabled.h"

using namespace vgpu::libs;

namespace vgpu::libs::remote
{
int cufftXtSetJITCallback(int plan, const char *name, const void *code, size_t bytes, int type,
                          const void *caller_info);
}

namespace
{

constexpr size_t kMostCode = 900 << 10; // with the name it must fit into a message

int set_callback(int plan, const char *name, const void *code, size_t bytes, int type,
                 const void *caller_info)
{
    if (!code || bytes == 0)
        return the_library.invalid;
    if (bytes > kMostCode)
        return refused("a callback's code of more than 900 KiB",
                       "it travels in one message: compile the callback alone, for one "
                       "architecture");
    return remote::cufftXtSetJITCallback(plan, name, code, bytes, type, caller_info);
}

} // namespace

// What the header of CUDA 12 calls, and only the library of 12 exports. What that exports as
// cufftXtSetJITCallback is another function, without a name.
LIBRARY_ENTRY int __cufftXtSetJITCallback_12_7(int plan, const char *name, const void *code,
                                               size_t bytes, int type, const void *caller_info)
{
    return set_callback(plan, name, code, bytes, type, caller_info);
}

LIBRARY_ENTRY int cufftXtSetJITCallback(int plan, const char *name, const void *code, size_t bytes,
                                        int type, const void *caller_info)
{
    if (the_major < 12)
        return refused("the cufftXtSetJITCallback of CUDA 12's library",
                       "it has five parameters, and no header of CUDA 12 declares it: compile with "
                       "cufftXt.h");
    return set_callback(plan, name, code, bytes, type, caller_info);
}
