// SPDX-License-Identifier: Apache-2.0
// Memory of one session in another's window: exported, fetched and mapped by the driver's virtual
// memory management, which all device memory here is made of. And events, which the driver itself
// shares between processes: one worker tells the other the driver's handle.
#include "remoting/server/calls.h"

#include "remoting/base/log.h"

#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace vgpu::server::calls
{
namespace
{

// Of the jobs here: what another worker answers late must not hold up what is exported, for which
// that one may wait.
uint64_t export_key(Session &session)
{
    return uint64_t(&session.sharing);
}
uint64_t fetch_key(Session &session)
{
    return uint64_t(&session.sharing) + 1;
}

void reply(Session &session, ReplyTo to, CUresult answer, std::string_view why,
           std::span<const std::byte> rest)
{
    std::vector<std::byte> body;
    wire::Encoder out(body);
    out.u64(answer);
    out.string(why);
    out.bytes(rest);
    session.replies.send(to, CUDA_SUCCESS, body);
}

// What is to be offered, and as what (sharing.h).
struct Source {
    PhysicalHandle memory;
    uint64_t mapping = 0, block = 0;
    Sharing::Offer offer;
};

CUresult describe(Session &session, size_t slice, Sharing::Offer &offer)
{
    CUuuid uuid;
    CUresult result = session.driver.cuDeviceGetUuid_v2(&uuid, session.slices[slice].device);
    if (result == CUDA_SUCCESS)
        std::memcpy(offer.uuid.data(), uuid.bytes, sizeof(uuid.bytes));
    return result;
}

CUresult find_block(Session &session, uint64_t pointer, uint64_t bytes, Source &source)
{
    auto lent = session.memory.lent(pointer, bytes);
    if (!lent)
        return CUDA_ERROR_INVALID_VALUE;
    source.mapping = lent->mapping;
    source.block = pointer;
    source.offer = {.kind = api::IpcKind::memory,
                    .mapping_bytes = lent->mapping_bytes,
                    .offset = pointer - lent->mapping,
                    .bytes = bytes};
    CUresult result = describe(session, lent->slice, source.offer);
    CUmemGenericAllocationHandle memory = 0;
    if (result == CUDA_SUCCESS)
        result = session.driver.cuMemRetainAllocationHandle(
            &memory, reinterpret_cast<void *>(lent->mapping));
    if (result == CUDA_SUCCESS)
        source.memory = own(session.driver, memory);
    return result;
}

CUresult find_allocation(Session &session, uint64_t id, Source &source)
{
    auto lent = session.physical.lent(id);
    if (!lent)
        return CUDA_ERROR_INVALID_VALUE;
    source.mapping = source.block = id;
    source.offer = {
        .kind = api::IpcKind::allocation, .mapping_bytes = lent->bytes, .bytes = lent->bytes};
    source.memory = std::move(lent->handle);
    return describe(session, lent->slice, source.offer);
}

// The driver's descriptor of it.
CUresult export_memory(const Driver &driver, CUmemGenericAllocationHandle memory, Fd &made)
{
    int fd = -1;
    CUresult result = driver.cuMemExportToShareableHandle(
        &fd, memory, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    if (result == CUDA_SUCCESS) {
        made.reset(fd);
        set_cloexec(fd);
    }
    return result;
}

// The one of the current context, if it is of that device: a session may have several slices of
// one.
size_t slice_of(Session &session, const std::array<std::byte, 16> &uuid)
{
    auto is_it = [&](size_t slice) {
        CUuuid own;
        return session.driver.cuDeviceGetUuid_v2(&own, session.slices[slice].device) ==
                   CUDA_SUCCESS &&
               std::memcmp(own.bytes, uuid.data(), uuid.size()) == 0;
    };
    const Context *current = session.contexts.current();
    if (current && is_it(current->slice))
        return current->slice;
    size_t slice = 0;
    while (slice < session.slices.size() && !is_it(slice))
        ++slice;
    return slice;
}

// Nothing here has to wait.
void export_event(Session &session, ReplyTo to, uint64_t id)
{
    auto entry = session.handles.entry(api::Kind::event, id);
    if (!entry)
        return reply(session, to, CUDA_ERROR_INVALID_HANDLE, "it is no event", {});
    auto event = static_cast<CUevent>(entry->handle);
    Sharing::Offer offer{.kind = api::IpcKind::event};
    CUresult result = session.driver.cuIpcGetEventHandle
                          ? session.driver.cuIpcGetEventHandle(&offer.event, event)
                          : CUDA_ERROR_NOT_SUPPORTED;
    if (result != CUDA_SUCCESS)
        return reply(session, to, result, "the GPU's driver cannot share this event", {});
    api::IpcHandle handle = session.sharing.offer(uint64_t(event), uint64_t(event), offer);
    reply(session, to, CUDA_SUCCESS, "", std::as_bytes(std::span(&handle, 1)));
}

// Only the owner's process has more of a pool than its number.
void export_pool(Session &session, ReplyTo to, uint64_t id, uint64_t slice)
{
    if (api::kind_of(id) != api::Kind::pool || slice >= session.slices.size())
        return reply(session, to, CUDA_ERROR_INVALID_VALUE, "it is no memory pool", {});
    Sharing::Offer offer{.kind = api::IpcKind::pool};
    offer.pool = id;
    CUresult result = describe(session, size_t(slice), offer);
    if (result != CUDA_SUCCESS)
        return reply(session, to, result, "the GPU has no number", {});
    api::IpcHandle handle = session.sharing.offer(id, id, offer);
    reply(session, to, CUDA_SUCCESS, "", std::as_bytes(std::span(&handle, 1)));
}

// Memory that was fetched as that, into the current context.
CUresult open_memory(Session &session, uint64_t ticket, api::IpcKind kind, uint64_t pool,
                     uint64_t *address, uint64_t *bytes, uint32_t *slice)
{
    auto fetched = session.sharing.take(ticket);
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    const Driver &driver = session.driver;
    if (!fetched || !driver.cuMemImportFromShareableHandle)
        return CUDA_ERROR_INVALID_VALUE;
    const Sharing::Offer &offer = fetched->offer;
    if (offer.kind != kind || offer.pool != pool || offer.offset >= offer.mapping_bytes ||
        offer.bytes > offer.mapping_bytes - offer.offset)
        return CUDA_ERROR_INVALID_VALUE;
    size_t which = slice_of(session, offer.uuid);
    if (which == session.slices.size()) {
        log(Level::warning, "memory of another process cannot be opened: it is on a GPU of which "
                            "this session has no slice");
        return CUDA_ERROR_MAP_FAILED;
    }
    CUmemGenericAllocationHandle handle = 0;
    CUresult result = driver.cuMemImportFromShareableHandle(
        &handle, reinterpret_cast<void *>(intptr_t(fetched->memory.get())),
        CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result != CUDA_SUCCESS)
        return result;
    CUdeviceptr pointer = 0;
    result = session.memory.borrow(which, context->word, handle, offer.mapping_bytes, offer.offset,
                                   &pointer);
    driver.cuMemRelease(handle); // the mapping keeps it
    if (result != CUDA_SUCCESS)
        return result;
    session.sharing.hold(pointer, std::move(fetched->line), which, offer.mapping_bytes);
    *address = pointer;
    *bytes = offer.bytes;
    *slice = uint32_t(which);
    return CUDA_SUCCESS;
}

} // namespace

void vgpuIpcExport(Session &session, Request &request)
{
    auto kind = api::IpcKind(request.in.u64());
    uint64_t name = request.in.u64(), bytes = request.in.u64(), pool = request.in.u64();
    request.check_done();
    if (!request.wants_reply)
        return;
    auto to = request.reply_to();
    if (kind == api::IpcKind::event)
        return export_event(session, to, name);
    if (kind == api::IpcKind::pool)
        return export_pool(session, to, name, bytes);
    Source source;
    bool block = kind == api::IpcKind::memory || kind == api::IpcKind::pooled;
    CUresult result = block                              ? find_block(session, name, bytes, source)
                      : kind == api::IpcKind::allocation ? find_allocation(session, name, source)
                                                         : CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        return reply(session, to, result, "the GPU's driver cannot share this memory", {});
    source.offer.kind = kind;
    source.offer.pool = pool;
    api::IpcHandle handle = session.sharing.offer(source.mapping, source.block, source.offer);
    session.waiters.add(export_key(session), [&session, to, handle, memory = source.memory] {
        Fd made;
        CUresult answer = CUDA_SUCCESS;
        if (!session.sharing.has_descriptor(handle))
            answer = export_memory(session.driver, *memory, made);
        if (answer == CUDA_SUCCESS && !session.sharing.complete(handle, std::move(made)))
            answer = CUDA_ERROR_INVALID_VALUE; // freed meanwhile
        reply(session, to, answer,
              answer == CUDA_SUCCESS ? "" : "the GPU's driver does not share this memory",
              std::as_bytes(std::span(&handle, 1)));
    });
}

void vgpuIpcFetch(Session &session, Request &request)
{
    auto bytes = request.in.bytes(sizeof(api::IpcHandle));
    request.check_done();
    if (!request.wants_reply)
        return;
    session.waiters.add(fetch_key(session), [&session, to = request.reply_to(),
                                             handle = std::vector(bytes.begin(), bytes.end())] {
        uint64_t ticket = 0;
        auto refused = session.sharing.fetch(handle, ticket);
        if (refused)
            reply(session, to, refused->code, refused->why, std::as_bytes(std::span(&ticket, 1)));
        else
            reply(session, to, CUDA_SUCCESS, "", std::as_bytes(std::span(&ticket, 1)));
    });
}

CUresult vgpuIpcOpen(Session &session, uint64_t ticket, uint64_t *address, uint64_t *bytes,
                     uint32_t *slice)
{
    return open_memory(session, ticket, api::IpcKind::memory, 0, address, bytes, slice);
}

CUresult vgpuAllocationImport(Session &session, uint64_t ticket, uint64_t allocation,
                              uint64_t *bytes, uint32_t *ordinal)
{
    auto fetched = session.sharing.take(ticket);
    if (!fetched || fetched->offer.kind != api::IpcKind::allocation || fetched->offer.bytes == 0 ||
        !session.driver.cuMemImportFromShareableHandle)
        return CUDA_ERROR_INVALID_VALUE;
    size_t which = slice_of(session, fetched->offer.uuid);
    if (which == session.slices.size()) {
        log(Level::warning, "memory of another process cannot be imported: it is on a GPU of which "
                            "this session has no slice");
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    CUmemGenericAllocationHandle handle = 0;
    CUresult result = session.driver.cuMemImportFromShareableHandle(
        &handle, reinterpret_cast<void *>(intptr_t(fetched->memory.get())),
        CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result == CUDA_SUCCESS)
        result = session.physical.adopt(allocation, which, own(session.driver, handle),
                                        fetched->offer.bytes, std::move(fetched->line));
    if (result == CUDA_SUCCESS) {
        *bytes = fetched->offer.bytes;
        *ordinal = uint32_t(which);
    }
    return result;
}

CUresult vgpuEventImport(Session &session, uint64_t ticket, CUevent *event)
{
    auto fetched = session.sharing.take(ticket);
    if (!fetched || fetched->offer.kind != api::IpcKind::event ||
        !session.driver.cuIpcOpenEventHandle)
        return CUDA_ERROR_INVALID_VALUE;
    return session.driver.cuIpcOpenEventHandle(event, fetched->offer.event);
}

CUresult vgpuPoolImport(Session &session, uint64_t ticket, uint64_t *pool, uint32_t *ordinal)
{
    auto fetched = session.sharing.take(ticket);
    if (!fetched || fetched->offer.kind != api::IpcKind::pool)
        return CUDA_ERROR_INVALID_VALUE;
    size_t which = slice_of(session, fetched->offer.uuid);
    if (which == session.slices.size()) {
        log(Level::warning, "a memory pool of another process cannot be imported: it is on a GPU "
                            "of which this session has no slice");
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    *pool = fetched->offer.pool;
    *ordinal = uint32_t(which);
    return CUDA_SUCCESS;
}

CUresult vgpuPoolOpen(Session &session, uint64_t ticket, uint64_t pool, uint64_t *address,
                      uint64_t *bytes, uint32_t *slice)
{
    return open_memory(session, ticket, api::IpcKind::pooled, pool, address, bytes, slice);
}

CUresult vgpuPoolWithdraw(Session &session, uint64_t pool)
{
    if (api::kind_of(pool) != api::Kind::pool)
        return CUDA_ERROR_INVALID_VALUE;
    session.sharing.withdraw(pool);
    return CUDA_SUCCESS;
}

} // namespace vgpu::server::calls
