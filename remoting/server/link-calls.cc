// SPDX-License-Identifier: Apache-2.0
// Linking on the worker, by the driver's own linker. What comes in is checked as images are.
#include "remoting/base/log.h"
#include "remoting/server/calls.h"
#include "remoting/server/image-check.h"

#include <algorithm>
#include <cstring>

namespace vgpu::server
{

Links::~Links()
{
    for (auto &[id, link] : links_)
        driver_.cuLinkDestroy(link->state);
}

Link *Links::find(uint64_t id) const
{
    auto at = links_.find(id);
    return at == links_.end() ? nullptr : at->second.get();
}

CUresult Links::destroy(uint64_t id)
{
    auto at = links_.find(id);
    if (at == links_.end())
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = driver_.cuLinkDestroy(at->second->state);
    links_.erase(at);
    return result;
}

void Links::drop_context(uint32_t word)
{
    std::erase_if(links_, [&](auto &item) {
        if (item.second->word == word)
            driver_.cuLinkDestroy(item.second->state);
        return item.second->word == word;
    });
}

namespace calls
{
namespace
{

// Of inputs whose form is known the driver believes the lengths inside.
bool fits(uint64_t type, std::span<const std::byte> image)
{
    bool known =
        type == CU_JIT_INPUT_PTX || type == CU_JIT_INPUT_FATBINARY || type == CU_JIT_INPUT_CUBIN;
    const char *fault = known ? image_fault(image) : nullptr;
    if (fault)
        log(Level::warning, "an input of %zu bytes is not linked: %s", image.size(), fault);
    return !fault;
}

void answer(Session &session, Request &request, CUresult result, const Link *link,
            const uint64_t *bytes)
{
    if (!request.wants_reply)
        return session.answer(request, result);
    session.reply.clear();
    wire::Encoder out(session.reply);
    if (link) {
        link->jit.put_logs(out);
        if (bytes)
            out.u64(*bytes);
    }
    session.replies.send(request.reply_to(), result, session.reply);
}

} // namespace

void vgpuLinkCreate(Session &session, Request &request)
{
    auto link = std::make_unique<Link>();
    uint64_t id = request.in.u64();
    link->jit.get_logs(request.in);
    link->jit.get_numbers(request.in);
    request.check_done();
    link->jit.add_logs();
    Context *context = session.contexts.current();
    CUresult result =
        context ? session.handles.claim(api::Kind::link, id) : CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS && session.links.find(id))
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && !session.links.room())
        result = CUDA_ERROR_OUT_OF_MEMORY;
    if (result == CUDA_SUCCESS)
        result = session.driver.cuLinkCreate_v2(link->jit.count(), link->jit.options(),
                                                link->jit.values(), &link->state);
    if (result == CUDA_SUCCESS) {
        link->word = context->word;
        session.links.add(id, std::move(link));
    }
    session.answer(request, result);
}

void vgpuLinkAdd(Session &session, Request &request)
{
    wire::Decoder &in = request.in;
    uint64_t id = in.u64(), named = in.u64(), type = in.u64();
    std::string name(in.string(api::kMaxString));
    JitOptions jit;
    jit.get_numbers(in);
    request.check_done();
    Link *link = session.links.find(id);
    const std::vector<std::byte> *image = session.images.find(named);
    CUresult result = CUDA_SUCCESS;
    if (!link)
        result = CUDA_ERROR_INVALID_HANDLE;
    else if (!image || image->empty())
        result = CUDA_ERROR_INVALID_VALUE;
    else if (!fits(type, *image))
        result = CUDA_ERROR_INVALID_IMAGE;
    else
        result = session.driver.cuLinkAddData_v2(link->state, CUjitInputType(type),
                                                 (void *)image->data(), image->size(), name.c_str(),
                                                 jit.count(), jit.options(), jit.values());
    answer(session, request, result, link, nullptr);
}

void vgpuLinkComplete(Session &session, Request &request)
{
    uint64_t id = request.in.u64();
    request.check_done();
    Link *link = session.links.find(id);
    if (!link)
        return answer(session, request, CUDA_ERROR_INVALID_HANDLE, nullptr, nullptr);
    void *data = nullptr;
    size_t n = 0;
    CUresult result = session.driver.cuLinkComplete(link->state, &data, &n);
    if (result == CUDA_SUCCESS)
        link->image = {static_cast<const unsigned char *>(data), n};
    uint64_t bytes = link->image.size();
    answer(session, request, result, link, &bytes);
}

CUresult vgpuLinkRead(Session &session, uint64_t id, uint64_t offset, unsigned char *data,
                      uint64_t n)
{
    Link *link = session.links.find(id);
    if (!link)
        return CUDA_ERROR_INVALID_HANDLE;
    if (offset > link->image.size() || n > link->image.size() - offset)
        return CUDA_ERROR_INVALID_VALUE;
    std::copy_n(link->image.data() + offset, n, data);
    return CUDA_SUCCESS;
}

CUresult vgpuLinkDestroy(Session &session, uint64_t id)
{
    return session.links.destroy(id);
}

} // namespace calls
} // namespace vgpu::server
