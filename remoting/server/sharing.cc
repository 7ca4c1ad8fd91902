// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/sharing.h"

#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/random.h"
#include "remoting/wire/descriptors.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace vgpu::server
{
namespace
{

constexpr int kMostMs = 5000;        // for the other worker to answer
constexpr size_t kMostCallers = 64;  // who have not asked yet
constexpr size_t kMostLines = 4096;  // descriptors that others cost us
constexpr size_t kMostTickets = 256; // fetched, but not taken
constexpr size_t kMostWho = 512;     // lease and job, in a request

// Of one worker to another of the same node, and of the same version.
struct Ask {
    std::array<std::byte, 16> secret;
    // Then the lease, a NUL and the job.
};
struct Reply {
    uint32_t code; // CUresult
    uint32_t kind;
    uint64_t mapping_bytes, offset, bytes;
    std::array<std::byte, 16> uuid;
    CUipcEventHandle event;
    uint64_t pool;
};

// What is behind an offer is had by a descriptor.
bool has_memory(api::IpcKind kind)
{
    return kind != api::IpcKind::event && kind != api::IpcKind::pool;
}

socklen_t address_of(uint64_t door, sockaddr_un &address)
{
    address = {};
    address.sun_family = AF_UNIX;
    // Abstract: it goes with the process, whatever that dies of.
    int n = std::snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
                          "slurm-vgpu/ipc/%016llx", (unsigned long long)door);
    return socklen_t(offsetof(sockaddr_un, sun_path) + 1 + size_t(n));
}

// The kernel's word, on either side: what another user's process offers is not asked for.
bool same_user(int socket)
{
    ucred peer{};
    socklen_t size = sizeof(peer);
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

template<class T>
std::span<const std::byte> bytes_of(const T &value)
{
    return std::as_bytes(std::span(&value, 1));
}

// A descriptor that the thread is polling goes only when it has woken up.
void hang_up(const Fd &line)
{
    if (line)
        shutdown(line.get(), SHUT_RDWR);
}

// Nothing is sent over a line, so what can be read is its end.
bool cut(const Fd &line)
{
    char byte;
    ssize_t n = recv(line.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EINTR);
}

// Whoever of the same user listens there may have said something else, or sent too many
// descriptors.
bool receive_reply(const Fd &line, Reply &reply, std::vector<Fd> &fds)
{
    std::array<std::byte, sizeof(Reply) + 1> bytes; // a longer one is none either
    try {
        if (wire::receive_with_descriptors(line.get(), bytes, &fds) != ssize_t(sizeof(reply)))
            return false;
    } catch (const Error &) {
        return false;
    }
    std::memcpy(&reply, bytes.data(), sizeof(reply));
    return true;
}

std::array<char, 32> cut_off(const std::string &node)
{
    std::array<char, 32> name{};
    node.copy(name.data(), name.size());
    return name;
}

// Anybody's bytes, for a text.
std::string printable(const std::array<char, 32> &name)
{
    std::string text(name.data(), strnlen(name.data(), name.size()));
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

} // namespace

// Called with the lock.
void Sharing::start()
{
    if (thread_.joinable() || ending_)
        return;
    wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_)
        fail_errno("eventfd");
    thread_ = std::thread([this] {
        try {
            run();
        } catch (const std::exception &error) {
            log(Level::error, "sharing memory with other processes: %s", error.what());
        }
    });
}

void Sharing::open_door()
{
    if (door_)
        return;
    Fd door(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!door)
        fail_errno("socket");
    door_name_ = random_u64();
    sockaddr_un address;
    socklen_t size = address_of(door_name_, address);
    if (bind(door.get(), reinterpret_cast<sockaddr *>(&address), size) < 0 ||
        listen(door.get(), int(kMostCallers)) < 0)
        fail_errno("the socket for memory that is shared");
    door_ = std::move(door);
}

void Sharing::wake()
{
    uint64_t one = 1;
    if (wake_ && write(wake_.get(), &one, sizeof(one)) < 0 && errno != EAGAIN)
        log(Level::error, "eventfd: %s", strerror(errno));
}

api::IpcHandle Sharing::offer(uint64_t mapping, uint64_t block, const Offer &offer)
{
    std::lock_guard lock(mutex_);
    open_door();
    start();
    auto known = by_block_.find(block);
    if (known == by_block_.end()) {
        Secret secret;
        fill_random(secret);
        offers_[secret] = {offer, mapping, block};
        known = by_block_.emplace(block, secret).first;
        offering_.store(true, std::memory_order_release);
        wake();
    }
    api::IpcHandle handle{};
    handle.magic = api::kIpcMagic;
    handle.door = door_name_;
    handle.secret = known->second;
    handle.node = cut_off(identity_.node);
    return handle;
}

bool Sharing::has_descriptor(const api::IpcHandle &handle)
{
    std::lock_guard lock(mutex_);
    auto at = offers_.find(handle.secret);
    return at != offers_.end() && memory_.count(at->second.mapping);
}

bool Sharing::complete(const api::IpcHandle &handle, Fd memory)
{
    std::lock_guard lock(mutex_);
    auto at = offers_.find(handle.secret);
    if (at == offers_.end())
        return false;
    if (memory)
        memory_[at->second.mapping] = std::move(memory);
    return memory_.count(at->second.mapping) != 0;
}

void Sharing::withdraw(uint64_t block)
{
    if (!offering_.load(std::memory_order_acquire)) // partner: offer, mostly by this very thread
        return;
    std::lock_guard lock(mutex_);
    auto at = by_block_.find(block);
    if (at == by_block_.end())
        return;
    offers_.erase(at->second);
    by_block_.erase(at);
}

bool Sharing::lent_out(uint64_t block)
{
    if (!offering_.load(std::memory_order_acquire))
        return false;
    std::lock_guard lock(mutex_);
    return std::any_of(lines_.begin(), lines_.end(),
                       [&](const Line &line) { return line.block == block && !cut(line.fd); });
}

void Sharing::mapping_gone(uint64_t mapping)
{
    if (!offering_.load(std::memory_order_acquire))
        return;
    std::lock_guard lock(mutex_);
    memory_.erase(mapping);
    std::erase_if(lines_, [&](const Line &line) {
        if (line.mapping == mapping)
            hang_up(line.fd);
        return line.mapping == mapping;
    });
    std::erase_if(by_block_, [&](auto &item) {
        auto offer = offers_.find(item.second);
        bool gone = offer != offers_.end() && offer->second.mapping == mapping;
        if (gone)
            offers_.erase(offer);
        return gone;
    });
}

std::optional<Sharing::Refusal> Sharing::fetch(std::span<const std::byte> bytes, uint64_t &ticket)
{
    api::IpcHandle handle;
    if (bytes.size() != sizeof(handle))
        return Refusal{CUDA_ERROR_INVALID_VALUE, "a handle of another size"};
    std::memcpy(&handle, bytes.data(), sizeof(handle));
    if (handle.magic != api::kIpcMagic)
        return Refusal{CUDA_ERROR_INVALID_VALUE, "these bytes are no handle of a vgpu's"};
    if (handle.node != cut_off(identity_.node))
        return Refusal{CUDA_ERROR_MAP_FAILED,
                       "what was exported is on node " + printable(handle.node) +
                           ", this process's vgpus are on " + identity_.node +
                           ": only processes with vgpus of one node can share it"};
    {
        std::lock_guard lock(mutex_);
        if (offers_.count(handle.secret))
            return Refusal{CUDA_ERROR_INVALID_CONTEXT,
                           "a process cannot open a handle of its own: it has that already"};
        if (fetched_.size() >= kMostTickets)
            return Refusal{CUDA_ERROR_OUT_OF_MEMORY, "too much is being opened at once"};
    }

    Fetched got;
    got.line = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address;
    socklen_t size = address_of(handle.door, address);
    Refusal gone{CUDA_ERROR_INVALID_VALUE,
                 "the process that exported it has freed it, or has ended, or is another user's"};
    if (!got.line || connect(got.line.get(), reinterpret_cast<sockaddr *>(&address), size) < 0 ||
        !same_user(got.line.get()))
        return gone;
    Ask ask{handle.secret};
    std::string request(reinterpret_cast<const char *>(&ask), sizeof(ask));
    request += identity_.lease.substr(0, kMostWho / 2);
    request += '\0';
    request += identity_.job.substr(0, kMostWho / 2);
    Reply reply{};
    std::vector<Fd> fds;
    if (send(got.line.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
        return gone;
    if (!wait_for(got.line.get(), POLLIN, Deadline::after_ms(kMostMs)))
        return Refusal{CUDA_ERROR_MAP_FAILED,
                       "the worker of the process that exported it does not answer"};
    if (!receive_reply(got.line, reply, fds))
        return gone;
    if (reply.code == CUDA_ERROR_NOT_PERMITTED)
        return Refusal{CUDA_ERROR_NOT_PERMITTED,
                       "it is another job's: only processes of one job or lease can share it"};
    got.offer = {api::IpcKind(reply.kind),
                 reply.mapping_bytes,
                 reply.offset,
                 reply.bytes,
                 reply.uuid,
                 reply.event,
                 reply.pool};
    if (reply.code != CUDA_SUCCESS || fds.size() != (has_memory(got.offer.kind) ? 1 : 0))
        return gone;
    if (!fds.empty())
        got.memory = std::move(fds[0]);
    std::lock_guard lock(mutex_);
    ticket = ++last_ticket_;
    fetched_.emplace(ticket, std::move(got));
    return {};
}

std::optional<Sharing::Fetched> Sharing::take(uint64_t ticket)
{
    std::lock_guard lock(mutex_);
    auto node = fetched_.extract(ticket);
    return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
}

void Sharing::hold(uint64_t pointer, Fd line, size_t slice, uint64_t bytes)
{
    std::lock_guard lock(mutex_);
    held_[pointer] = {std::move(line), slice, bytes};
    start();
    wake();
}

uint64_t Sharing::let_go(uint64_t pointer)
{
    std::lock_guard lock(mutex_);
    auto at = held_.find(pointer);
    if (at == held_.end())
        return 0;
    uint64_t ours = at->second.line ? 0 : at->second.bytes;
    hang_up(at->second.line);
    held_.erase(at);
    return ours;
}

void Sharing::close()
{
    {
        std::lock_guard lock(mutex_);
        ending_ = true;
        wake();
    }
    if (thread_.joinable())
        thread_.join();
    std::lock_guard lock(mutex_);
    door_.reset();
    callers_.clear();
    lines_.clear();
    fetched_.clear();
    memory_.clear();
}

void Sharing::run()
{
    std::vector<pollfd> list;
    std::unique_lock lock(mutex_);
    while (!ending_) {
        list.assign(1, {wake_.get(), POLLIN, 0});
        if (door_)
            list.push_back({door_.get(), POLLIN, 0});
        for (const Fd &caller : callers_)
            list.push_back({caller.get(), POLLIN, 0});
        for (const Line &line : lines_)
            list.push_back({line.fd.get(), POLLIN, 0});
        for (auto &[pointer, held] : held_)
            if (held.line)
                list.push_back({held.line.get(), POLLIN, 0});
        lock.unlock();
        poll(list.data(), list.size(), -1);
        lock.lock();
        uint64_t count;
        while (read(wake_.get(), &count, sizeof(count)) > 0)
            ;
        // A number may stand for another descriptor by now: each is asked itself.
        std::erase_if(lines_, [](const Line &line) { return cut(line.fd); });
        for (auto &[pointer, held] : held_) {
            if (!held.line || !cut(held.line))
                continue;
            held.line.reset();
            take_over(held.slice, held.bytes);
        }
        std::vector<Fd> callers = std::move(callers_);
        callers_.clear();
        for (Fd &caller : callers)
            serve_caller(std::move(caller));
        if (door_)
            serve_door();
    }
}

void Sharing::serve_door()
{
    for (;;) {
        Fd caller(accept4(door_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!caller)
            return;
        if (!same_user(caller.get()) || lines_.size() >= kMostLines)
            continue;
        if (callers_.size() >= kMostCallers)
            callers_.erase(callers_.begin());
        callers_.push_back(std::move(caller));
    }
}

// What it asks for has come, or it is gone, or we wait on.
void Sharing::serve_caller(Fd caller)
{
    char request[sizeof(Ask) + kMostWho + 1];
    ssize_t n = recv(caller.get(), request, sizeof(request), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        callers_.push_back(std::move(caller));
        return;
    }
    if (n < ssize_t(sizeof(Ask)) || n > ssize_t(sizeof(Ask) + kMostWho))
        return;
    Ask ask;
    std::memcpy(&ask, request, sizeof(ask));
    std::string who(request + sizeof(ask), size_t(n) - sizeof(ask));
    size_t end = std::min(who.find('\0'), who.size());
    std::string lease = who.substr(0, end), job = who.substr(std::min(end + 1, who.size()));
    Reply reply{};
    auto at = offers_.find(ask.secret);
    bool wants = at != offers_.end() && has_memory(at->second.offer.kind);
    auto memory = wants ? memory_.find(at->second.mapping) : memory_.end();
    bool there = wants ? memory != memory_.end() : at != offers_.end();
    bool ours = lease == identity_.lease || (!job.empty() && job == identity_.job);
    reply.code = !there ? CUDA_ERROR_INVALID_VALUE : ours ? CUDA_SUCCESS : CUDA_ERROR_NOT_PERMITTED;
    if (reply.code != CUDA_SUCCESS) {
        wire::send_with_descriptors(caller.get(), bytes_of(reply), {});
        return;
    }
    const Offer &offer = at->second.offer;
    reply.kind = uint32_t(offer.kind);
    reply.mapping_bytes = offer.mapping_bytes;
    reply.offset = offer.offset;
    reply.bytes = offer.bytes;
    reply.uuid = offer.uuid;
    reply.event = offer.event;
    reply.pool = offer.pool;
    if (!wants) { // nobody pays for it, so nobody has to know how long it is in use
        wire::send_with_descriptors(caller.get(), bytes_of(reply), {});
        return;
    }
    int fd = memory->second.get();
    if (wire::send_with_descriptors(caller.get(), bytes_of(reply), {&fd, 1}) ==
        ssize_t(sizeof(reply)))
        lines_.push_back({std::move(caller), at->second.mapping, at->second.block});
}

} // namespace vgpu::server
