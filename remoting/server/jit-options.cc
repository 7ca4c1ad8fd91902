// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/jit-options.h"

#include <cstdio>
#include <cstring>

namespace vgpu::server
{
namespace
{

// Options whose value is a number. The others are pointers into the client, or not for it to
// decide.
bool plain_option(uint64_t option)
{
    switch (option) {
    case CU_JIT_MAX_REGISTERS:
    case CU_JIT_THREADS_PER_BLOCK:
    case CU_JIT_OPTIMIZATION_LEVEL:
    case CU_JIT_TARGET_FROM_CUCONTEXT:
    case CU_JIT_TARGET:
    case CU_JIT_FALLBACK_STRATEGY:
    case CU_JIT_GENERATE_DEBUG_INFO:
    case CU_JIT_LOG_VERBOSE:
    case CU_JIT_GENERATE_LINE_INFO:
    case CU_JIT_CACHE_MODE:
        return true;
    default:
        return false;
    }
}

std::string_view text_of(const std::vector<char> &log)
{
    return log.empty() ? std::string_view()
                       : std::string_view(log.data(), strnlen(log.data(), log.size()));
}

} // namespace

void JitOptions::get_logs(wire::Decoder &in)
{
    uint64_t info = in.u64(), error = in.u64();
    if (info > api::kMaxString || error > api::kMaxString) {
        in.fail("a log is longer than allowed");
        return;
    }
    info_.resize(info);
    error_.resize(error);
}

void JitOptions::get_numbers(wire::Decoder &in)
{
    constexpr uint64_t kMost = 64;
    uint64_t n = in.u64();
    if (n > kMost)
        in.fail("a list of options is longer than allowed");
    for (uint64_t i = 0; i < n && in.ok(); ++i) {
        uint64_t option = in.u64(), value = in.u64();
        if (plain_option(option))
            add(CUjit_option(option), reinterpret_cast<void *>(value));
    }
}

void JitOptions::add_logs()
{
    add_log(info_, CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
    add_log(error_, CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
}

void JitOptions::put_logs(wire::Encoder &out) const
{
    out.string(text_of(info_));
    out.string(text_of(error_));
}

void JitOptions::say_error(const char *text)
{
    if (!error_.empty())
        snprintf(error_.data(), error_.size(), "%s", text);
}

void JitOptions::add(CUjit_option option, void *value)
{
    options_.push_back(option);
    values_.push_back(value);
}

void JitOptions::add_log(std::vector<char> &log, CUjit_option buffer, CUjit_option size)
{
    if (log.empty())
        return;
    add(buffer, log.data());
    add(size, reinterpret_cast<void *>(log.size()));
}

} // namespace vgpu::server
