// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/handles.h"

#include "remoting/server/limit.h"
#include "remoting/server/memory.h"

namespace vgpu::server
{

using api::Kind;

// Unknown ones are a bad value to the driver. They are of no context.
static bool of_graphs(Kind kind)
{
    return kind == Kind::graph || kind == Kind::graph_exec || kind == Kind::graph_node ||
           kind == Kind::user_object;
}

CUresult Handles::find(Kind kind, uint64_t id, void *&handle) const
{
    if (kind == Kind::context) {
        Context *context =
            api::kind_of(id) == kind ? contexts_.find(uint32_t(api::counter_of(id))) : nullptr;
        if (!context)
            return CUDA_ERROR_INVALID_CONTEXT;
        handle = context->handle;
        return CUDA_SUCCESS;
    }
    // The driver takes a kernel where it takes a function.
    bool right =
        api::kind_of(id) == kind || (kind == Kind::function && api::kind_of(id) == Kind::kernel);
    auto at = right ? entries_.find(id) : entries_.end();
    if (at == entries_.end())
        return of_graphs(kind) || kind == Kind::resource_desc ? CUDA_ERROR_INVALID_VALUE
                                                              : CUDA_ERROR_INVALID_HANDLE;
    handle = at->second.handle;
    return CUDA_SUCCESS;
}

const Handles::Entry *Handles::entry(Kind kind, uint64_t id) const
{
    auto at = api::kind_of(id) == kind ? entries_.find(id) : entries_.end();
    return at == entries_.end() ? nullptr : &at->second;
}

Handles::Entry *Handles::function(uint64_t id)
{
    Kind kind = api::kind_of(id);
    auto at = kind == Kind::function || kind == Kind::kernel ? entries_.find(id) : entries_.end();
    return at == entries_.end() ? nullptr : &at->second;
}

uint64_t Handles::id_of(Kind kind, void *handle) const
{
    for (auto &[id, entry] : entries_)
        if (entry.handle == handle && api::kind_of(id) == kind)
            return id;
    return 0;
}

std::vector<void *> Handles::all_of(Kind kind, std::optional<uint32_t> word) const
{
    std::vector<void *> all;
    for (auto &[id, entry] : entries_)
        if (api::kind_of(id) == kind && entry.word == word.value_or(entry.word))
            all.push_back(entry.handle);
    return all;
}

CUresult Handles::device(int32_t ordinal, CUdevice &device)
{
    if (ordinal < 0 || size_t(ordinal) >= slices_.size())
        return CUDA_ERROR_INVALID_DEVICE;
    slice_named_ = size_t(ordinal);
    device = slices_[slice_named_].device;
    return CUDA_SUCCESS;
}

CUresult Handles::pointer(CUdeviceptr pointer) const
{
    return memory_.reaches(pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult Handles::claim(Kind kind, uint64_t id) const
{
    if (api::kind_of(id) != kind || api::counter_of(id) == 0)
        return CUDA_ERROR_INVALID_HANDLE;
    if (kind == Kind::context) {
        uint64_t counter = api::counter_of(id);
        bool fits = counter >= api::kFirstContext && counter <= UINT32_MAX;
        return fits && !contexts_.find(uint32_t(counter)) ? CUDA_SUCCESS
                                                          : CUDA_ERROR_INVALID_CONTEXT;
    }
    if (entries_.contains(id))
        return CUDA_ERROR_INVALID_HANDLE;
    return has_room("streams, events, modules and other objects", entries_.size(), kMost)
               ? CUDA_SUCCESS
               : CUDA_ERROR_OUT_OF_MEMORY;
}

void Handles::add(uint64_t id, void *handle, uint64_t owner)
{
    if (api::kind_of(id) == Kind::context) {
        contexts_.adopt(uint32_t(api::counter_of(id)), CUcontext(handle));
        return;
    }
    Context *context = contexts_.current();
    // A library and its kernels are not of a context; what a context made of them is.
    Kind kind = api::kind_of(id);
    bool bound = kind != Kind::library && kind != Kind::kernel && !of_graphs(kind);
    entries_[id] = {handle, owner, bound && context ? context->word : 0};
    if (owner)
        owned_.emplace(owner, id);
}

void Handles::remove(uint64_t id)
{
    entries_.erase(id);
    Kind kind = api::kind_of(id);
    if (!api::is_owner(kind))
        return;
    auto [first, last] = owned_.equal_range(id);
    std::vector<uint64_t> owned;
    for (auto at = first; at != last; ++at)
        owned.push_back(at->second);
    owned_.erase(first, last);
    for (uint64_t other : owned)
        remove(other); // a library's kernels own functions
}

void Handles::remove_context(uint32_t word)
{
    std::erase_if(entries_, [&](auto &item) { return item.second.word == word; });
    std::erase_if(owned_, [&](auto &item) { return !entries_.contains(item.first); });
}

} // namespace vgpu::server
