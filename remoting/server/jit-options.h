// SPDX-License-Identifier: Apache-2.0
// The compiler's options as they come from the client: numbers as they are, logs in buffers of the
// worker's own.
#pragma once

#include "remoting/api/params.h"

#include <cuda.h>

#include <string_view>
#include <vector>

namespace vgpu::server
{

// The driver keeps the addresses of the logs and of their sizes: it is not to be moved while in
// use.
class JitOptions
{
public:
    // Sizes of logs (where they come), then n x (option, value). Fails the decoder where it is too
    // much.
    void get_logs(wire::Decoder &in);
    void get_numbers(wire::Decoder &in);

    // After all is read.
    void add_logs();

    unsigned count() const noexcept { return unsigned(options_.size()); }
    CUjit_option *options() noexcept { return options_.data(); }
    void **values() noexcept { return values_.data(); }

    // Both logs as the client expects them.
    void put_logs(wire::Encoder &out) const;

    // For what is found out before the driver is asked.
    void say_error(const char *text);

private:
    void add(CUjit_option option, void *value);
    void add_log(std::vector<char> &log, CUjit_option buffer, CUjit_option size);

    std::vector<char> info_, error_;
    std::vector<CUjit_option> options_;
    std::vector<void *> values_;
};

} // namespace vgpu::server
