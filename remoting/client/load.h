// SPDX-License-Identifier: Apache-2.0
// Loading an image as a module or a library: sent in pieces, named by the load, dropped.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/client/session.h"

#include <span>
#include <string>

namespace vgpu::client
{

// The options of cuModuleLoadDataEx and cuLibraryLoadData, as the application gave them.
struct JitOptions {
    unsigned count = 0;
    CUjit_option *names = nullptr;
    void **values = nullptr;
};

// `call` is vgpuModuleLoad or vgpuLibraryLoad, `id` what it is to be known by. The logs are handed
// back on failure too.
CUresult load_image(Session &session, api::Call call, uint64_t id, const void *image,
                    uint64_t limit, const JitOptions &options);

// A whole file and a NUL behind it, in case it is PTX text. False when it cannot be read.
CUresult read_image(const char *path, std::string &bytes);

} // namespace vgpu::client
