// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/load.h"

#include "remoting/base/fd.h"
#include "remoting/base/log.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::client
{

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

CUresult load_image(Session &session, api::Call call, uint64_t id, const void *data, uint64_t limit,
                    const JitOptions &options)
{
    JitPlan plan;
    CUresult result = plan.read(options);
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
    out.u64(sent);
    out.u64(id);
    plan.put_logs(out);
    plan.put_numbers(out);
    Answer answer;
    result = exchange(session, current_word(), call, request, answer);
    if (result == CUDA_ERROR_DEVICE_UNAVAILABLE && session.connection().lost())
        return result;
    wire::Decoder in(answer.body());
    plan.take_logs(in);
    // A failure before the driver was asked (an unknown image, say) may come without logs.
    if (!in.done() && (result == CUDA_SUCCESS || !answer.body().empty()))
        return misunderstood(session, call, in.why());
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
