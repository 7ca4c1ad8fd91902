// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/ring-channel.h"

#include "remoting/wire/descriptors.h"
#include "remoting/wire/ring.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <new>

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vgpu::wire
{

namespace
{

// What accompanies a descriptor on the socket.
struct Record {
    uint64_t magic;
    uint64_t tag;
};
constexpr uint64_t kMagic = 0x0166'6475'7067'7601; // no text, no frame's length
constexpr size_t kMaxStash = 256; // descriptors a peer may send ahead of their messages
constexpr int kSendMs = 10'000;   // a peer that takes no 16 bytes for so long is as good as dead

class RingChannel final : public Channel
{
public:
    RingChannel(Side side, Fd socket, const Fd &memory, size_t capacity)
        : socket_(std::move(socket)), memory_(memory.get(), ring_pair_bytes(capacity)),
          room_(capacity), writer_(control(side == Side::client ? 0 : 1),
                                   bytes(side == Side::client ? 0 : 1, capacity), capacity),
          reader_(control(side == Side::client ? 1 : 0),
                  bytes(side == Side::client ? 1 : 0, capacity), capacity,
                  Spin(side == Side::worker)),
          watch_([this] { check_peer(); })
    {
        // These pages are gone over again and again, with one more for the message that goes
        // beyond, and the first call that comes to each would be slow. Where the kernel does not
        // know the advice, it is.
        const size_t warm = std::min(capacity, kWarmBytes + size_t(sysconf(_SC_PAGESIZE)));
        for (size_t i : {0, 1})
            madvise(bytes(i, capacity), warm, MADV_POPULATE_WRITE);
    }

    void send(std::span<const std::byte> head, std::span<const std::byte> body) override
    {
        check_outgoing(head, body);
        writer_.write(head, body, watch_);
    }

    // Each message is published as it is written.
    void flush() override { writer_.flush(); }
    void flush_soon() override {}
    size_t room() const override { return room_; }

    bool receive(std::vector<std::byte> &message, int timeout_ms) override
    {
        return reader_.read(message, timeout_ms, watch_);
    }

    const char *name() const override { return "shm"; }
    bool passes_descriptors() const override { return true; }
    int descriptor() const override { return socket_.get(); }
    void send_descriptor(uint64_t tag, int fd) override;
    Fd receive_descriptor(uint64_t tag, int timeout_ms) override;

    void shut_down() noexcept override { ::shutdown(socket_.get(), SHUT_RDWR); }

private:
    // The memory is fresh zeros, which is what these atomics start from; nothing is constructed
    // here, since the peer may be using them already.
    Control &control(size_t i) const
    {
        return *std::launder(reinterpret_cast<Control *>(memory_.data() + i * sizeof(Control)));
    }
    std::byte *bytes(size_t i, size_t capacity) const
    {
        return memory_.data() + 2 * sizeof(Control) + i * capacity;
    }

    void check_peer() const;
    void receive_record();

    Fd socket_;
    Mapping memory_;
    size_t room_;
    Writer writer_;
    Reader reader_;
    Watch watch_;
    std::mutex send_mutex_;
    std::mutex receive_mutex_;
    std::map<uint64_t, Fd> stash_; // by tag; guarded by receive_mutex_
};

void RingChannel::check_peer() const
{
    pollfd entry{socket_.get(), POLLRDHUP, 0};
    if (poll(&entry, 1, 0) > 0)
        fail(ECONNRESET, "the peer closed the connection");
}

void RingChannel::send_descriptor(uint64_t tag, int fd)
{
    Record record{kMagic, tag};
    Deadline deadline = Deadline::after_ms(kSendMs);
    std::lock_guard lock(send_mutex_);
    for (;;) {
        ssize_t n = send_with_descriptors(socket_.get(), std::as_bytes(std::span(&record, 1)),
                                          std::span(&fd, 1));
        if (n == ssize_t(sizeof record))
            return;
        if (n >= 0)
            fail(EPROTO, "a descriptor was sent by halves");
        if (errno == EPIPE || errno == ECONNRESET)
            fail(ECONNRESET, "the peer closed the connection");
        if (errno != EAGAIN && errno != EINTR)
            fail_errno("cannot pass a descriptor");
        if (!wait_for(socket_.get(), POLLOUT, deadline))
            fail(ETIMEDOUT, "the peer takes no descriptors");
    }
}

void RingChannel::receive_record()
{
    Record record;
    std::vector<Fd> fds;
    ssize_t n = receive_with_descriptors(socket_.get(),
                                         std::as_writable_bytes(std::span(&record, 1)), &fds);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        fail_errno("cannot receive a descriptor");
    if (n == 0)
        fail(ECONNRESET, "the peer closed the connection");
    if (size_t(n) != sizeof record || record.magic != kMagic || fds.size() != 1)
        fail(EPROTO, "the peer sent something else than a descriptor");
    if (stash_.size() >= kMaxStash)
        fail(EPROTO, "the peer passed more than %zu descriptors that no message names", kMaxStash);
    if (!stash_.emplace(record.tag, std::move(fds[0])).second)
        fail(EPROTO, "the peer passed two descriptors under one tag");
}

Fd RingChannel::receive_descriptor(uint64_t tag, int timeout_ms)
{
    Deadline deadline = Deadline::after_ms(timeout_ms);
    std::lock_guard lock(receive_mutex_);
    for (;;) {
        if (auto found = stash_.find(tag); found != stash_.end()) {
            Fd fd = std::move(found->second);
            stash_.erase(found);
            return fd;
        }
        if (!wait_for(socket_.get(), POLLIN, deadline))
            fail(ETIMEDOUT, "the descriptor %llu that a message names did not come",
                 (unsigned long long)tag);
        receive_record();
    }
}

} // namespace

Fd make_ring_memory(size_t capacity)
{
    if (!valid_ring(capacity))
        fail(EINVAL, "a ring of %zu bytes: expected a power of two from %zu to %zu", capacity,
             kMinRing, kMaxRing);
    return memfd("slurm-vgpu ring", ring_pair_bytes(capacity));
}

std::unique_ptr<Channel> make_ring_channel(Side side, Fd socket, const Fd &memory, size_t capacity)
{
    if (!valid_ring(capacity))
        fail(EPROTO, "the peer proposes a ring of %zu bytes", capacity);
    check_memfd(memory.get(), ring_pair_bytes(capacity));
    return std::make_unique<RingChannel>(side, std::move(socket), memory, capacity);
}

} // namespace vgpu::wire
