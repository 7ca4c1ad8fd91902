// SPDX-License-Identifier: Apache-2.0
// One registered image of device code.
#pragma once

#include "remoting/cudart/registry.h"

#include <pthread.h>

namespace vgpu::cudart
{

// What nvcc puts into .nvFatBinSegment (fatbinary_section.h).
struct FatbinWrapper {
    static constexpr int kMagic = 0x466243B1;
    static constexpr int kPlain = 1;
    static constexpr int kLinked = 2;
    int magic;
    int version;
    const void *data;
    void **prelinked; // version 2: the fatbins that went into the device link, null at the end
};

struct Image {
    const FatbinWrapper *wrapper;
    Image *next;            // of all that were ever registered
    std::atomic<bool> gone; // unregistered
    pthread_mutex_t mutex;  // guards what follows
    CUlibrary library;
    Function *functions;
    Variable *variables;
};

// Needs a context.
cudaError_t load_image(Image &image, CUlibrary *library);
void unload_image(Image &image);

} // namespace vgpu::cudart
