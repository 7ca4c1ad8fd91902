// SPDX-License-Identifier: Apache-2.0
#include "bench/floors.h"

#include "bench/measure.h"

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vgpu::bench
{
namespace
{

constexpr size_t kSlots = 16384, kSlot = 128, kPing = 64, kPiece = 256 << 10;
constexpr int kSpins = 200;

[[noreturn]] void die(const char *what)
{
    std::perror(what);
    std::exit(1);
}

// A counter that one side raises and the other waits for. The sleeper says so before it looks
// again, so that a raise is never missed.
struct alignas(64) Counter {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleepers{0};

    void raise(uint32_t to)
    {
        value.store(to, std::memory_order_seq_cst);
        if (sleepers.load(std::memory_order_seq_cst))
            syscall(SYS_futex, &value, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    }
    uint32_t wait_beyond(uint32_t known)
    {
        for (int i = 0; i < kSpins; i++) {
            uint32_t now = value.load(std::memory_order_acquire);
            if (now != known)
                return now;
            _mm_pause();
        }
        sleepers.fetch_add(1);
        uint32_t now;
        while ((now = value.load()) == known)
            syscall(SYS_futex, &value, FUTEX_WAIT, known, nullptr, nullptr, 0);
        sleepers.fetch_sub(1);
        return now;
    }
};

void write_all(int fd, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(fd, static_cast<const char *>(data) + done, bytes - done);
        if (n <= 0)
            die("bench: the floor's socket");
        done += size_t(n);
    }
}

bool read_all(int fd, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = read(fd, static_cast<char *>(data) + done, bytes - done);
        if (n <= 0)
            return false;
        done += size_t(n);
    }
    return true;
}

int listen_on_loopback(sockaddr_in &address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr *>(&address), length) || listen(fd, 1) ||
        getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length))
        die("bench: listening on the loopback device");
    return fd;
}

void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace

struct Floors::Shared {
    Counter ping, pong; // partner: serve_ring() raises pong to ping's value
    Counter head, tail; // messages read, messages written
    std::byte there[kPing], back[kPing];
    std::byte slots[kSlots][kSlot];
};

Floors::Floors()
{
    void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        die("bench: shared memory");
    shared_ = new (memory) Shared;
    sockaddr_in address;
    int listener = listen_on_loopback(address);
    ring_child_ = fork();
    if (ring_child_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_ring();
    }
    tcp_child_ = fork();
    if (tcp_child_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve_tcp(accept(listener, nullptr, nullptr));
    }
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr *>(&address), sizeof address))
        die("bench: connecting to the loopback device");
    no_delay(socket_);
    close(listener);
}

Floors::~Floors()
{
    for (pid_t child : {ring_child_, tcp_child_}) {
        kill(child, SIGKILL);
        waitpid(child, nullptr, 0);
    }
    close(socket_);
    munmap(shared_, sizeof(Shared));
}

// Serves both: pings are answered, messages are copied out as a worker would. The number of
// messages to come is in the ping's first bytes; 0 is a plain ping.
void Floors::serve_ring()
{
    std::byte out[kSlot];
    uint32_t read = 0;
    for (uint32_t seen = 0;;) {
        seen = shared_->ping.wait_beyond(seen);
        uint64_t messages;
        std::memcpy(&messages, shared_->there, sizeof messages);
        for (uint32_t written = read; messages;) {
            written = shared_->tail.wait_beyond(read);
            for (; read != written; read++, messages--)
                std::memcpy(out, shared_->slots[read % kSlots], kSlot);
            shared_->head.raise(read);
        }
        std::memcpy(shared_->back, shared_->there, kPing);
        shared_->pong.raise(seen);
    }
}

void Floors::serve_tcp(int fd)
{
    no_delay(fd);
    static std::byte piece[kPiece];
    std::byte ping[kPing];
    while (read_all(fd, ping, kPing)) {
        uint64_t bytes;
        std::memcpy(&bytes, ping, sizeof bytes);
        while (bytes) {
            ssize_t n = read(fd, piece, std::min<uint64_t>(bytes, kPiece));
            if (n <= 0)
                _exit(1);
            bytes -= uint64_t(n);
        }
        write_all(fd, ping, kPing);
    }
    _exit(0);
}

void Floors::ring_round_trip()
{
    std::memset(shared_->there, 0, kPing);
    uint32_t before = shared_->ping.value.load(std::memory_order_relaxed);
    shared_->ping.raise(before + 1);
    shared_->pong.wait_beyond(before);
    std::byte answer[kPing];
    std::memcpy(answer, shared_->back, kPing);
    asm volatile("" ::"r"(answer) : "memory");
}

void Floors::tcp_round_trip()
{
    std::byte ping[kPing] = {};
    write_all(socket_, ping, kPing);
    if (!read_all(socket_, ping, kPing))
        die("bench: the floor's socket");
}

double Floors::ring_messages(uint64_t count)
{
    std::byte message[kSlot] = {};
    return timed([&] {
        uint32_t before = shared_->ping.value.load(), tail = shared_->tail.value.load();
        std::memcpy(shared_->there, &count, sizeof count);
        shared_->ping.raise(before + 1);
        for (uint64_t i = 0; i < count; i++) {
            uint32_t head;
            while (tail - (head = shared_->head.value.load(std::memory_order_acquire)) >= kSlots)
                shared_->head.wait_beyond(head);
            std::memcpy(shared_->slots[tail % kSlots], message, kSlot);
            shared_->tail.raise(++tail);
        }
        shared_->pong.wait_beyond(before);
    });
}

double Floors::tcp_stream(uint64_t bytes)
{
    static std::byte piece[kPiece];
    std::byte ping[kPing] = {};
    std::memcpy(ping, &bytes, sizeof bytes);
    return timed([&] {
        write_all(socket_, ping, kPing);
        for (uint64_t done = 0; done < bytes;) {
            size_t n = std::min<uint64_t>(bytes - done, kPiece);
            write_all(socket_, piece, n);
            done += n;
        }
        if (!read_all(socket_, ping, kPing))
            die("bench: the floor's socket");
    });
}

namespace
{

size_t page_bytes;

void give_page_back(int, siginfo_t *fault, void *)
{
    auto at = reinterpret_cast<uintptr_t>(fault->si_addr) / page_bytes * page_bytes;
    if (mprotect(reinterpret_cast<void *>(at), page_bytes, PROT_READ | PROT_WRITE) != 0)
        _exit(1);
}

} // namespace

double page_fault(size_t pages)
{
    page_bytes = size_t(sysconf(_SC_PAGESIZE));
    size_t bytes = pages * page_bytes;
    void *at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        die("mmap");
    std::memset(at, 1, bytes);
    struct sigaction handler = {}, before;
    handler.sa_sigaction = give_page_back;
    handler.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &handler, &before);
    double took = timed([&] {
        if (mprotect(at, bytes, PROT_READ) != 0)
            die("mprotect");
        for (size_t i = 0; i < pages; i++)
            static_cast<volatile char *>(at)[i * page_bytes] = 2;
    });
    sigaction(SIGSEGV, &before, nullptr);
    munmap(at, bytes);
    return took / double(pages);
}

} // namespace vgpu::bench
