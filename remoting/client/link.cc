// SPDX-License-Identifier: Apache-2.0
// cuLink*: a linker on the worker. Files are read here, logs and the image come back.
#include "remoting/client/entry.h"
#include "remoting/client/load.h"
#include "remoting/client/remote.h"

#include <algorithm>

using namespace vgpu::client;
namespace api = vgpu::api;
namespace wire = vgpu::wire;

namespace
{

// body(Session &, Context &, id, Link &), the link locked: its logs and its image are one thread's
// at a time.
template<class Body>
CUresult with_link(CUlinkState state, Body &&body)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        uint64_t id = api::id_of(state);
        auto link = session.links.find(id);
        if (!link)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(link->mutex);
        return body(session, context, id, *link);
    });
}

CUresult add(Session &session, Context &context, uint64_t id, Link &link, CUjitInputType type,
             std::string_view bytes, const char *name, const JitOptions &options)
{
    JitPlan plan; // logs are the whole link's
    CUresult result = plan.read(options);
    if (result != CUDA_SUCCESS)
        return result;
    // PTX is text: the driver is given its end, whether or not it was counted.
    std::string text;
    if (type == CU_JIT_INPUT_PTX && !bytes.ends_with('\0')) {
        text.assign(bytes).push_back('\0');
        bytes = text;
    }
    uint64_t sent = session.new_id(api::Kind::image);
    Extent image{reinterpret_cast<const std::byte *>(bytes.data()), bytes.size(), {}};
    if (result = send_image(session, sent, image); result != CUDA_SUCCESS)
        return result;
    Request request;
    wire::Encoder &out = request.out();
    for (uint64_t value : {id, sent, uint64_t(type)})
        out.u64(value);
    out.string(name ? name : "");
    plan.put_numbers(out);
    Answer answer;
    result = exchange(session, context.word(), api::Call::vgpuLinkAdd, request, answer);
    if (!answer.body().empty()) {
        wire::Decoder in(answer.body());
        link.plan.take_logs(in);
        if (!in.done())
            return misunderstood(session, api::Call::vgpuLinkAdd, in.why());
    }
    CUresult dropped = post_in(session, context.word(), api::Call::vgpuImageDrop, val(sent));
    return result != CUDA_SUCCESS ? result : dropped;
}

// The image in pieces, as large as a reply can be.
CUresult fetch(uint64_t id, std::string &image)
{
    for (uint64_t offset = 0; offset < image.size();) {
        uint64_t n = std::min<uint64_t>(api::kMaxPiece, image.size() - offset);
        auto to = reinterpret_cast<unsigned char *>(image.data() + offset);
        CUresult result = remote::vgpuLinkRead(id, offset, to, n);
        if (result != CUDA_SUCCESS)
            return result;
        offset += n;
    }
    return CUDA_SUCCESS;
}

} // namespace

VGPU_ENTRY cuLinkCreate_v2(unsigned count, CUjit_option *options, void **values, CUlinkState *state)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!state)
            return CUDA_ERROR_INVALID_VALUE;
        auto link = std::make_shared<Link>();
        link->context = context.id;
        CUresult result = link->plan.read({count, options, values});
        if (result != CUDA_SUCCESS)
            return result;
        uint64_t id = session.new_id(api::Kind::link);
        Request request;
        request.out().u64(id);
        link->plan.put_logs(request.out());
        link->plan.put_numbers(request.out());
        Answer answer;
        result = exchange(session, context.word(), api::Call::vgpuLinkCreate, request, answer);
        if (result != CUDA_SUCCESS)
            return result;
        session.links.add(id, link);
        *state = api::handle_of<CUlinkState>(id);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void *data, size_t size,
                            const char *name, unsigned count, CUjit_option *options, void **values)
{
    return with_link(state, [&](Session &session, Context &context, uint64_t id, Link &link) {
        if (!data || size == 0 || size > kMaxImage)
            return CUDA_ERROR_INVALID_VALUE;
        return add(session, context, id, link, type, {static_cast<const char *>(data), size}, name,
                   {count, options, values});
    });
}

VGPU_ENTRY cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char *path,
                            unsigned count, CUjit_option *options, void **values)
{
    return with_link(state, [&](Session &session, Context &context, uint64_t id, Link &link) {
        std::string bytes;
        CUresult result = read_image(path, bytes);
        if (result != CUDA_SUCCESS)
            return result;
        std::string_view all = bytes;
        if (type != CU_JIT_INPUT_PTX)
            all.remove_suffix(1); // the NUL that read_image adds
        return add(session, context, id, link, type, all, path, {count, options, values});
    });
}

VGPU_ENTRY cuLinkComplete(CUlinkState state, void **image, size_t *size)
{
    return with_link(state, [&](Session &session, Context &context, uint64_t id, Link &link) {
        if (!image)
            return CUDA_ERROR_INVALID_VALUE;
        Request request;
        request.out().u64(id);
        Answer answer;
        CUresult result =
            exchange(session, context.word(), api::Call::vgpuLinkComplete, request, answer);
        uint64_t bytes = 0;
        if (!answer.body().empty()) {
            wire::Decoder in(answer.body());
            link.plan.take_logs(in);
            bytes = in.u64();
            if (!in.done() || bytes > kMaxImage)
                return misunderstood(session, api::Call::vgpuLinkComplete, in.why());
        }
        if (result != CUDA_SUCCESS)
            return result;
        link.image.resize(bytes);
        if (result = fetch(id, link.image); result != CUDA_SUCCESS)
            return result;
        *image = link.image.data();
        if (size)
            *size = link.image.size();
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuLinkDestroy(CUlinkState state)
{
    return entry_in_context([&](Session &session, Context &) -> CUresult {
        if (!session.links.remove(api::id_of(state)))
            return CUDA_ERROR_INVALID_HANDLE;
        return remote::vgpuLinkDestroy(api::id_of(state));
    });
}
