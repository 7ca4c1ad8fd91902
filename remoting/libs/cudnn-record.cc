// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/cudnn-record.h"

#include <mutex>
#include <unordered_map>

namespace vgpu::record
{
namespace
{

std::mutex mutex;
std::unordered_map<const void *, CUstream> streams; // of handles

std::string list(const dnn::ElementType &type, int64_t count, const void *elements)
{
    auto *at = static_cast<const std::byte *>(elements);
    if (type.kind == dnn::Element::plain)
        return null::text(null::Exact{at, size_t(count) * type.bytes});
    std::string text = "[";
    for (int64_t i = 0; i < count; ++i) {
        const void *one;
        std::memcpy(&one, at + i * 8, sizeof one);
        text += (i ? ",=" : "=") + null::text(one);
    }
    return text + "]";
}

} // namespace

null::Said said_in(int type, int64_t count, const void *elements)
{
    return {elements ? list(dnn::element_type(type), count, elements) : "null"};
}

null::Said said_out(int type, int64_t requested, const void *, const void *elements)
{
    auto of = dnn::element_type(type);
    if (!elements || of.kind == dnn::Element::plain)
        return {elements ? "there" : "null"};
    return {list(of, requested, elements)};
}

// A version that programs take for theirs.
int play_cudnnGetProperty(int type, void *value)
{
    constexpr int kVersion[] = {9, 99, 0};
    if (value && type >= 0 && type < 3)
        std::memcpy(value, &kVersion[type], sizeof(int));
    return 0;
}

int play_cudnnSetStream(void *handle, CUstream stream)
{
    std::lock_guard lock(mutex);
    streams[handle] = stream;
    return 0;
}

// One of everything, and that is zero: one engine, which needs no workspace.
int play_cudnnBackendGetAttribute(void *, int, int type, int64_t requested, void *count,
                                  void *elements)
{
    auto of = dnn::element_type(type);
    if (elements && requested > 0 && of.kind == dnn::Element::plain)
        std::memset(elements, 0, of.bytes);
    int64_t one = 1;
    if (count)
        std::memcpy(count, &one, sizeof one);
    return 0;
}

} // namespace vgpu::record

RECORD_ENTRY int cudnnGetStream(void *handle, CUstream *stream)
{
    using namespace vgpu::record;
    std::lock_guard lock(mutex);
    *stream = streams[handle];
    return 0;
}
