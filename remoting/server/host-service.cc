// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/host-service.h"

#include "remoting/api/params.h"
#include "remoting/server/limit.h"

#include <cstring>

namespace vgpu::server
{

void HostService::open(ReplyTo to)
{
    std::lock_guard lock(mutex_);
    to_ = to;
    open_ = true;
}

bool HostService::is_open()
{
    std::lock_guard lock(mutex_);
    return open_;
}

bool HostService::is_closed()
{
    std::lock_guard lock(mutex_);
    return closed_;
}

void HostService::close()
{
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
}

HostService::Call *HostService::make(uint64_t number, bool once)
{
    if (once)
        return new Call{this, number, true};
    std::lock_guard lock(mutex_);
    if (!has_room("host functions in graphs", kept_.size(), kMost))
        return nullptr;
    auto &call = kept_[number];
    if (!call)
        call.reset(new Call{this, number, false});
    return call.get();
}

void HostService::run(void *argument)
{
    auto call = static_cast<Call *>(argument);
    call->service->ask(What::run, call->number, CUDA_SUCCESS, {});
    if (call->once)
        discard(call);
}

void HostService::run_with_status(CUstream, CUresult status, void *argument)
{
    auto call = static_cast<Call *>(argument);
    call->service->ask(What::run, call->number, uint64_t(status), {});
    if (call->once)
        discard(call);
}

void HostService::transfer(void *argument)
{
    auto it = static_cast<Transfer *>(argument);
    std::span<std::byte> memory(it->memory->data(), it->bytes);
    if (it->to_device)
        return it->service->ask(What::fetch, it->place, 0, memory);
    for (size_t at = 0; at < memory.size(); at += api::kMaxPiece)
        it->service->send(What::give, 0, it->place, at,
                          memory.subspan(at, std::min(memory.size() - at, api::kMaxPiece)));
}

void HostService::ask(What what, uint64_t number, uint64_t extra, std::span<std::byte> into)
{
    std::unique_lock lock(mutex_);
    if (closed_ || !open_)
        return;
    uint64_t token = ++last_token_;
    Asked asked{.into = into};
    asked_[token] = &asked;
    lock.unlock();
    send(what, token, number, extra);
    lock.lock();
    changed_.wait(lock, [&] { return asked.done || closed_; });
    asked_.erase(token);
}

void HostService::send(What what, uint64_t token, uint64_t number, uint64_t extra,
                       std::span<const std::byte> data)
{
    std::vector<std::byte> bytes;
    wire::Encoder out(bytes);
    for (uint64_t value : {uint64_t(what), token, number, extra, uint64_t(data.size())})
        out.u64(value);
    out.bytes(data);
    ReplyTo to;
    {
        std::lock_guard lock(mutex_);
        if (closed_ || !open_)
            return;
        to = to_;
    }
    replies_.send(to, CUDA_SUCCESS, bytes, {}, true);
}

bool HostService::done(uint64_t token)
{
    std::lock_guard lock(mutex_);
    auto at = asked_.find(token);
    if (at == asked_.end() || !at->second->into.empty())
        return false;
    at->second->done = true;
    changed_.notify_all();
    return true;
}

bool HostService::bytes(uint64_t token, uint64_t offset, std::span<const std::byte> data)
{
    std::lock_guard lock(mutex_);
    auto at = asked_.find(token);
    if (at == asked_.end())
        return false;
    Asked &asked = *at->second;
    // In order, so that the last ones are known.
    if (offset != asked.got || data.size() > asked.into.size() - asked.got || data.empty())
        return false;
    std::memcpy(asked.into.data() + offset, data.data(), data.size());
    asked.got += data.size();
    asked.done = asked.got == asked.into.size();
    if (asked.done)
        changed_.notify_all();
    return true;
}

} // namespace vgpu::server
