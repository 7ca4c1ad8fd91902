// SPDX-License-Identifier: Apache-2.0
// Loading an image as a module or a library: sent in pieces, named by the load, dropped.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/client/image.h"
#include "remoting/client/jit-options.h"
#include "remoting/client/session.h"

#include <string>

namespace vgpu::client
{

// `call` is vgpuModuleLoad or vgpuLibraryLoad, `id` what it is to be known by. The logs are handed
// back on failure too.
CUresult load_image(Session &session, api::Call call, uint64_t id, const void *image,
                    uint64_t limit, const JitOptions &options);

// The bytes of an image in pieces, under an id of kind image. Nothing is answered.
CUresult send_image(Session &session, uint64_t id, const Extent &image);

// A whole file and a NUL behind it, in case it is PTX text. False when it cannot be read.
CUresult read_image(const char *path, std::string &bytes);

} // namespace vgpu::client
