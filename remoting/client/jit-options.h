// SPDX-License-Identifier: Apache-2.0
// The options of the compiler on the worker: numbers travel, logs come back into the application's
// buffers.
#pragma once

#include "remoting/wire/codec.h"

#include <cuda.h>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace vgpu::client
{

// As the application gave them to cuModuleLoadDataEx, cuLibraryLoadData or cuLinkCreate.
struct JitOptions {
    unsigned count = 0;
    CUjit_option *names = nullptr;
    void **values = nullptr;
};

// A log buffer of the application: two options, its address and its size.
struct JitLog {
    char *buffer = nullptr;
    uint64_t room = 0;
    void **filled = nullptr; // the size option's value is replaced by how much was written

    void fill(std::string_view text) const;
};

struct JitPlan {
    JitLog info, error;
    std::vector<std::pair<uint64_t, uint64_t>> numbers; // options that go to the worker

    // An error where an option cannot be had.
    CUresult read(const JitOptions &options);

    // How much log is wanted, and the numbers.
    void put_logs(wire::Encoder &out) const;
    void put_numbers(wire::Encoder &out) const;

    // The logs of a reply, which are there on failure too, but for one before the compiler was
    // asked. What is left of the body is the caller's.
    void take_logs(wire::Decoder &in) const;
};

} // namespace vgpu::client
