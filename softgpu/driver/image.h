// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/entry.h"
#include "softgpu/ptx/program.h"

#include <chrono>
#include <memory>
#include <string>

namespace vgpu::soft::driver
{

/// What cuModuleLoadData and its kin are given, as PTX: a text itself, a fatbin's wrapper or a
/// fatbin. Throws INVALID_IMAGE, or NO_BINARY_FOR_GPU if there is machine code only.
std::string ptx_of_image(const void *image);
std::string ptx_of_file(const char *path);

/// The JIT options of a load: where the caller wants the compiler's words.
class JitLog
{
public:
    JitLog() = default;
    JitLog(unsigned count, CUjit_option *options, void **values);

    void error(const std::string &text);
    void info(const std::string &text);
    bool verbose() const { return verbose_; }
    void finish(); ///< writes how much of each buffer was filled, and the time that it took

private:
    struct Buffer {
        char *text = nullptr;
        void **size_value = nullptr;
        size_t size = 0;
        size_t used = 0;
    };
    static void write(Buffer &buffer, const std::string &text);

    Buffer info_;
    Buffer error_;
    void **wall_time_ = nullptr;
    bool verbose_ = false;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

/// Compiles a text, once per content where the result can be shared. Throws INVALID_PTX, its reason
/// in `log`.
std::shared_ptr<Program> compile(const std::string &ptx, JitLog &log);

/// The architecture that a text's .target names: 75 for sm_75. Programs choose among their kernels
/// by it.
int target_of(const std::string &ptx);

/// True if each module must have a program of its own: it has variables, which live in one context.
bool has_variables(const Program &program);

} // namespace vgpu::soft::driver
