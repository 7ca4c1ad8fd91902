// SPDX-License-Identifier: Apache-2.0
// cuSOLVER: what the wrapper answers itself.
#include "remoting/libs/tabled.h"

using namespace vgpu::libs;

LIBRARY_ENTRY int cusolverDnGetStream(void *handle, CUstream *stream)
{
    if (!handle || object_of(handle)->type == 0)
        return the_library.not_initialized;
    if (!stream)
        return the_library.invalid;
    *stream = object_of(handle)->stream;
    return 0;
}
