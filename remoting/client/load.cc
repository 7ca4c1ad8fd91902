// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/load.h"

#include "remoting/base/fd.h"
#include "remoting/base/log.h"
#include "remoting/client/image.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::client
{
namespace
{

constexpr uint64_t kMaxLog = 64 << 10;

// A log buffer of the application: two options, its address and its size.
struct Log {
    char *buffer = nullptr;
    uint64_t room = 0;
    void **filled = nullptr; // the size option's value is replaced by how much was written

    void fill(std::string_view text) const
    {
        size_t n = room ? std::min<size_t>(text.size(), room - 1) : 0;
        if (buffer && room) {
            std::memcpy(buffer, text.data(), n);
            buffer[n] = '\0';
        }
        if (filled)
            *filled = reinterpret_cast<void *>(n);
    }
};

struct Plan {
    Log info, error;
    std::vector<std::pair<uint64_t, uint64_t>> numbers; // options that go to the worker
};

CUresult plan(const JitOptions &options, Plan &plan)
{
    if (options.count && (!options.names || !options.values))
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < options.count; ++i) {
        void *&value = options.values[i];
        auto number = uint64_t(reinterpret_cast<uintptr_t>(value));
        switch (options.names[i]) {
        case CU_JIT_INFO_LOG_BUFFER:
            plan.info.buffer = static_cast<char *>(value);
            break;
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
            plan.info.room = number & UINT32_MAX;
            plan.info.filled = &value;
            break;
        case CU_JIT_ERROR_LOG_BUFFER:
            plan.error.buffer = static_cast<char *>(value);
            break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
            plan.error.room = number & UINT32_MAX;
            plan.error.filled = &value;
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
            plan.numbers.emplace_back(uint64_t(options.names[i]), number & UINT32_MAX);
        }
    }
    return CUDA_SUCCESS;
}

CUresult send_image(Session &session, uint64_t id, const Extent &image)
{
    for (uint64_t offset = 0; offset < image.bytes; offset += api::kMaxPiece) {
        uint64_t n = std::min<uint64_t>(api::kMaxPiece, image.bytes - offset);
        auto data = reinterpret_cast<const unsigned char *>(image.data + offset);
        CUresult result =
            post_in(session, current_word(), api::Call::vgpuImageData, val(id), val(image.bytes),
                    val(offset), api::InArray<unsigned char>::Client(data, n));
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_SUCCESS;
}

} // namespace

CUresult load_image(Session &session, api::Call call, uint64_t id, const void *data, uint64_t limit,
                    const JitOptions &options)
{
    Plan logs;
    CUresult result = plan(options, logs);
    if (result != CUDA_SUCCESS)
        return result;
    Extent image = image_extent(data, limit);
    if (!image) {
        log(Level::warning, "%s: %s", call_name(uint32_t(call)), image_problem(data));
        return data ? CUDA_ERROR_INVALID_IMAGE : CUDA_ERROR_INVALID_VALUE;
    }
    uint64_t sent = session.new_id(api::Kind::image);
    result = send_image(session, sent, image);
    if (result != CUDA_SUCCESS)
        return result;

    Request request;
    wire::Encoder &out = request.out();
    for (uint64_t value : {sent, id, std::min(logs.info.room, kMaxLog),
                           std::min(logs.error.room, kMaxLog), uint64_t(logs.numbers.size())})
        out.u64(value);
    for (auto &[option, value] : logs.numbers) {
        out.u64(option);
        out.u64(value);
    }
    Answer answer;
    result = exchange(session, current_word(), call, request, answer);
    if (result == CUDA_ERROR_DEVICE_UNAVAILABLE && session.connection().lost())
        return result;
    wire::Decoder in(answer.body());
    auto info = in.string(kMaxLog);
    auto error = in.string(kMaxLog);
    // A failure before the driver was asked (an unknown image, say) may come without logs.
    if (!in.done() && (result == CUDA_SUCCESS || !answer.body().empty()))
        return misunderstood(session, call, in.why());
    logs.info.fill(info);
    logs.error.fill(error);
    CUresult dropped = post_in(session, current_word(), api::Call::vgpuImageDrop, val(sent));
    return result != CUDA_SUCCESS ? result : dropped;
}

CUresult read_image(const char *path, std::string &bytes)
{
    if (!path)
        return CUDA_ERROR_INVALID_VALUE;
    Fd fd(open(path, O_RDONLY | O_CLOEXEC));
    struct stat status;
    if (!fd || fstat(fd.get(), &status) != 0)
        return CUDA_ERROR_FILE_NOT_FOUND;
    if (!S_ISREG(status.st_mode) || uint64_t(status.st_size) > kMaxImage)
        return CUDA_ERROR_INVALID_IMAGE;
    bytes.resize(size_t(status.st_size));
    read_exact(fd.get(), std::as_writable_bytes(std::span(bytes)), Deadline::never(), path);
    bytes.push_back('\0');
    return CUDA_SUCCESS;
}

} // namespace vgpu::client
