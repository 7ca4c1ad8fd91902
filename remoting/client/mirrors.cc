// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/mirrors.h"

#include "remoting/base/difference.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>

namespace vgpu::client
{
namespace
{

// Equal bytes that are cheaper to send than to leave out, where nothing else can have changed them.
constexpr size_t kGap = 32;
constexpr size_t kRecordHead = 2 * sizeof(uint64_t);

} // namespace

struct Mirrors::Mirror {
    Mirror(uint64_t h, CUdeviceptr d, uint64_t n) : host(h), device(d), bytes(n)
    {
        void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
            throw std::bad_alloc();
        twin = static_cast<std::byte *>(at);
    }
    ~Mirror() { munmap(twin, bytes); }

    std::byte *memory() const noexcept { return reinterpret_cast<std::byte *>(host); }

    const uint64_t host;
    const CUdeviceptr device;
    const uint64_t bytes;
    uint64_t context = 0;
    Writes writes = Writes::idle;
    std::byte *twin;
};

Mirrors::Mirrors() = default;
Mirrors::~Mirrors() = default;

// What the device has changed is put where the program sees it as it arrives, by whoever receives,
// while who asked for it holds the lock.
class Mirrors::Fetch : public Pending
{
public:
    explicit Fetch(Mirrors &mirrors) : mirrors_(mirrors) {}

    bool arrived(const wire::Header &header, std::span<const std::byte> body) override
    {
        wire::Decoder in(body);
        if (!(header.flags & wire::kMore)) {
            result = CUresult(header.word);
            idle = in.u64() == 1;
            return in.done();
        }
        while (in.left() != 0) {
            CUdeviceptr device = in.u64();
            auto bytes = in.bytes(in.u64());
            if (!in.ok() || !put(device, bytes))
                return false;
        }
        return true;
    }

    CUresult result = CUDA_ERROR_DEVICE_UNAVAILABLE;
    bool idle = false;

private:
    bool put(CUdeviceptr device, std::span<const std::byte> bytes)
    {
        auto at = mirrors_.mirrors_.upper_bound(device);
        if (at == mirrors_.mirrors_.begin())
            return false;
        Mirror &mirror = *std::prev(at)->second;
        uint64_t offset = device - mirror.device;
        if (offset >= mirror.bytes || bytes.size() > mirror.bytes - offset)
            return false;
        // Only what the device has changed: what lies between may be the program's latest.
        each_difference(bytes.data(), mirror.twin + offset, bytes.size(), 0,
                        [&](size_t first, size_t n) {
                            std::memcpy(mirror.memory() + offset + first, bytes.data() + first, n);
                        });
        std::memcpy(mirror.twin + offset, bytes.data(), bytes.size());
        return true;
    }

    Mirrors &mirrors_;
};

CUresult Mirrors::add(Session &session, const Context &context, uint64_t host, CUdeviceptr device,
                      uint64_t bytes, Writes writes, bool fetched)
{
    auto mirror = std::make_unique<Mirror>(host, device, bytes);
    mirror->context = context.id;
    mirror->writes = writes;
    std::lock_guard lock(mutex_);
    CUresult result = call_in(session, context.word(), api::Call::vgpuMirrorAdd, at(device),
                              val(bytes), val(uint32_t(fetched)));
    if (result != CUDA_SUCCESS)
        return result;
    mirrors_[device] = std::move(mirror);
    any_.store(true, std::memory_order_release);
    ++waits_;
    ++pushed_; // the worker makes it zeros beside all streams: what is launched next comes behind
    return fetched ? fetch(session) : CUDA_SUCCESS;
}

void Mirrors::remove(Session &session, uint64_t host)
{
    std::lock_guard lock(mutex_);
    for (auto at = mirrors_.begin(); at != mirrors_.end(); ++at) {
        if (at->second->host != host)
            continue;
        post_in(session, 0, api::Call::vgpuMirrorDrop, vgpu::client::at(at->first));
        mirrors_.erase(at);
        break;
    }
    any_.store(!mirrors_.empty(), std::memory_order_release);
}

void Mirrors::remove_context(uint64_t context)
{
    std::lock_guard lock(mutex_);
    std::erase_if(mirrors_, [&](auto &item) { return item.second->context == context; });
    any_.store(!mirrors_.empty(), std::memory_order_release);
}

void Mirrors::set_writes(uint64_t host, Writes writes)
{
    std::lock_guard lock(mutex_);
    ++waits_;
    for (auto &[device, mirror] : mirrors_)
        if (host - mirror->host < mirror->bytes)
            mirror->writes = writes;
}

CUresult Mirrors::send_batch(Session &session, uint32_t word)
{
    if (batch_bytes_ == 0)
        return CUDA_SUCCESS;
    Pending *marker;
    if (!window_.enter(session.connection(), batch_bytes_, marker))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    Request request;
    bool sent = session.connection().send(uint16_t(api::Call::vgpuMirrorIn), word, request.bytes(),
                                          batch_, marker);
    window_.sent(marker, sent);
    batch_.clear();
    batch_bytes_ = 0;
    ++pushed_;
    return sent ? CUDA_SUCCESS : CUDA_ERROR_DEVICE_UNAVAILABLE;
}

CUresult Mirrors::send(Session &session, Mirror &mirror, size_t gap)
{
    auto word = uint32_t(api::counter_of(mirror.context));
    CUresult result = CUDA_SUCCESS;
    each_difference(
        mirror.memory(), mirror.twin, mirror.bytes, gap, [&](size_t offset, size_t bytes) {
            while (bytes != 0 && result == CUDA_SUCCESS) {
                if (batch_.size() + kRecordHead + sizeof(uint64_t) > api::kMaxPiece)
                    result = send_batch(session, word);
                size_t n = std::min(bytes, api::kMaxPiece - batch_.size() - kRecordHead);
                wire::Encoder out(batch_);
                out.u64(mirror.device + offset);
                out.u64(n);
                // Read once: another thread may be writing, and the twin is what was sent.
                std::byte *copy = out.space(n);
                std::memcpy(copy, mirror.memory() + offset, n);
                std::memcpy(mirror.twin + offset, copy, n);
                batch_bytes_ += n;
                offset += n;
                bytes -= n;
            }
        });
    return result == CUDA_SUCCESS ? send_batch(session, word) : result;
}

CUresult Mirrors::push(Session &session, const Context &context, CUstream stream, bool joins)
{
    std::lock_guard lock(mutex_);
    // The work that this goes ahead of counts from here on: nobody else may take the device for
    // idle.
    bool nothing = giving_.fetch_add(1, std::memory_order_acq_rel) == 0;
    bool idle = given_.fetch_add(1, std::memory_order_acq_rel) == settled_ && nothing;
    uint64_t &seen = thread_state().waits_seen;
    CUresult result = CUDA_SUCCESS;
    for (auto &[device, mirror] : mirrors_)
        if ((seen != waits_ || mirror->writes == Writes::always) && result == CUDA_SUCCESS)
            result = send(session, *mirror, idle ? kGap : 0);
    seen = waits_;
    if (result != CUDA_SUCCESS || pushed_ == joined_)
        return result;
    // The legacy stream is one of each context.
    uint64_t id = api::id_of(stream);
    uint64_t &joined = stream_joined_[id < api::kSpecialHandles ? context.id : id];
    if (joined == pushed_ && !joins)
        return result;
    joined = pushed_;
    return post_in(session, stream_word(session, context.word(), stream), api::Call::vgpuMirrorJoin,
                   handle(stream));
}

CUresult Mirrors::fetch(Session &session)
{
    uint64_t given = given_.load(std::memory_order_acquire);
    bool all_given = giving_.load(std::memory_order_acquire) == 0;
    Request request;
    Fetch fetch(*this);
    Connection &connection = session.connection();
    if (!connection.send(uint16_t(api::Call::vgpuMirrorOut), current_word(), request.bytes(), {},
                         &fetch) ||
        !connection.wait(fetch))
        return CUDA_ERROR_DEVICE_UNAVAILABLE;
    // It went behind all that was pushed.
    joined_ = pushed_;
    stream_joined_.clear();
    if (fetch.idle && all_given)
        settled_ = given;
    return fetch.result;
}

CUresult Mirrors::after_wait(Session &session)
{
    std::lock_guard lock(mutex_);
    ++waits_;
    if (mirrors_.empty() || given_.load(std::memory_order_acquire) == settled_)
        return CUDA_SUCCESS;
    return fetch(session);
}

CUresult Mirrors::exchange(Session &session)
{
    std::lock_guard lock(mutex_);
    ++waits_;
    CUresult result = CUDA_SUCCESS;
    for (auto &[device, mirror] : mirrors_)
        if (result == CUDA_SUCCESS)
            result = send(session, *mirror, 0);
    return result == CUDA_SUCCESS ? fetch(session) : result; // which comes behind what was sent
}

DeviceWork::DeviceWork(Session &session, const Context &context, CUstream stream, bool joins)
{
    if (!session.mirrors.any()) [[likely]]
        return;
    mirrors_ = &session.mirrors;
    result = mirrors_->push(session, context, stream, joins);
}

DeviceWork::~DeviceWork()
{
    if (mirrors_)
        mirrors_->giving_.fetch_sub(1, std::memory_order_acq_rel); // partner: fetch() and push()
}

} // namespace vgpu::client
