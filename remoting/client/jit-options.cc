// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/jit-options.h"

#include "remoting/client/call.h"

#include <algorithm>
#include <cstring>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kMaxLog = 64 << 10;

} // namespace

void JitLog::fill(std::string_view text) const
{
    size_t n = room ? std::min<size_t>(text.size(), room - 1) : 0;
    if (buffer && room) {
        std::memcpy(buffer, text.data(), n);
        buffer[n] = '\0';
    }
    if (filled)
        *filled = reinterpret_cast<void *>(n);
}

CUresult JitPlan::read(const JitOptions &options)
{
    if (options.count && (!options.names || !options.values))
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < options.count; ++i) {
        void *&value = options.values[i];
        auto number = uint64_t(reinterpret_cast<uintptr_t>(value));
        switch (options.names[i]) {
        case CU_JIT_INFO_LOG_BUFFER:
            info.buffer = static_cast<char *>(value);
            break;
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
            info.room = number & UINT32_MAX;
            info.filled = &value;
            break;
        case CU_JIT_ERROR_LOG_BUFFER:
            error.buffer = static_cast<char *>(value);
            break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
            error.room = number & UINT32_MAX;
            error.filled = &value;
            break;
        case CU_JIT_WALL_TIME: { // a float comes back in the value
            float none = 0;
            value = nullptr;
            std::memcpy(&value, &none, sizeof(none));
            break;
        }
        case CU_JIT_GLOBAL_SYMBOL_NAMES:
        case CU_JIT_GLOBAL_SYMBOL_ADDRESSES:
            return refused("CU_JIT_GLOBAL_SYMBOL_NAMES",
                           "addresses of this process mean nothing to the GPU's node");
        default:
            numbers.emplace_back(uint64_t(options.names[i]), number & UINT32_MAX);
        }
    }
    return CUDA_SUCCESS;
}

void JitPlan::put_logs(wire::Encoder &out) const
{
    out.u64(std::min(info.room, kMaxLog));
    out.u64(std::min(error.room, kMaxLog));
}

void JitPlan::put_numbers(wire::Encoder &out) const
{
    out.u64(numbers.size());
    for (auto &[option, value] : numbers) {
        out.u64(option);
        out.u64(value);
    }
}

void JitPlan::take_logs(wire::Decoder &in) const
{
    auto info_text = in.string(kMaxLog);
    auto error_text = in.string(kMaxLog);
    info.fill(info_text);
    error.fill(error_text);
}

} // namespace vgpu::client
