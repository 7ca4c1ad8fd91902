// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/gate.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/cuda-codes.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/wire/address.h"

namespace vgpu::control
{

namespace
{

// Who has not yet said who he is costs a descriptor and 64 KiB at the most; so many may do that at
// a time.
constexpr size_t kMaxVisitors = 256;

/// Small and first on its connection, so that it fits the socket's buffer: a peer that made it not
/// fit is no loss.
bool send_now(int fd, const msgpack::sbuffer &map)
{
    const std::string bytes = wire::frame_bytes(map);
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(bytes.size());
}

/// A program is answered in its own language.
int code_for(std::span<const std::byte> hello, int code)
{
    try {
        const auto map = wire::parse_frame(hello, wire::kMaxOpeningFrame);
        const std::string_view role = wire::get_string(map.get(), "role", "");
        if (role != "session" && role != "bulk" && role != "resume")
            return code;
    } catch (const Error &) {
        return code;
    }
    return code == EACCES   ? kCudaNotPermitted
           : code == EPROTO ? kCudaDriverMismatch
                            : kCudaNotReady;
}

/// Who connects, as far as that is known before he has said anything: the address, or the user of
/// this machine.
std::string origin_of(int fd)
{
    if (wire::is_unix_socket(fd)) {
        ucred peer{};
        socklen_t size = sizeof peer;
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        return "uid " + std::to_string(peer.uid);
    }
    return wire::peer_host(fd);
}

} // namespace

struct Gate::Door {
    Fd listener;
    std::string path; // of a Unix socket, to be removed at the end
    std::unique_ptr<Poll> poll;
    ~Door()
    {
        poll.reset();
        if (!path.empty())
            unlink(path.c_str());
    }
};

struct Gate::Visitor {
    Fd fd;
    wire::Challenge challenge;
    wire::FrameReader reader{wire::kMaxOpeningFrame};
    std::vector<std::byte> hello, proof; // payloads
    std::unique_ptr<Poll> poll;
    std::unique_ptr<Timer> timer;
};

Gate::Gate(uv_loop_t *loop, std::string daemon, std::string node, std::string instance,
           wire::AuthConfig auth, uint32_t rate, Admitted admitted)
    : loop_(loop), daemon_(std::move(daemon)), node_(std::move(node)),
      instance_(std::move(instance)), auth_(std::move(auth)), admitted_(std::move(admitted)),
      rate_(rate)
{
}

Gate::~Gate()
{
    *open_ = false;
}

std::string Gate::listen(const std::string &address)
{
    auto door = std::make_unique<Door>();
    door->listener = wire::listen_on(address);
    if (wire::is_unix_address(address))
        door->path = address;
    set_nonblocking(door->listener.get());
    const int fd = door->listener.get();
    door->poll = std::make_unique<Poll>(loop_, fd, [this, fd](int) { accept(fd); });
    door->poll->watch(UV_READABLE);
    doors_.push_back(std::move(door));
    return wire::local_address(fd);
}

void Gate::refuse(Fd fd, int code, const std::string &reason)
{
    send_now(fd.get(), wire::pack_refuse(code, reason));
    // What the peer sent beyond its hello would turn the close into a reset, which could overtake
    // the reason.
    shutdown(fd.get(), SHUT_WR);
    std::array<std::byte, 4096> rest;
    // Not for as long as it likes to go on sending.
    for (int i = 0; i < 16 && ::recv(fd.get(), rest.data(), rest.size(), MSG_DONTWAIT) > 0; ++i)
        continue;
}

wire::StreamSocket Gate::welcome(Fd fd, const wire::Acceptance &acceptance)
{
    const msgpack::sbuffer frame = wire::pack_welcome(acceptance);
    if (!send_now(fd.get(), frame))
        return {};
    return wire::welcomed(std::move(fd), acceptance, frame);
}

void Gate::accept(int listener)
{
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
        if (errno == EMFILE || errno == ENFILE) {
            log(Level::error,
                "no descriptor left for a new connection: raise the limit (ulimit -n)");
            // The listener stays readable: without a rest the loop would do nothing else.
            for (auto &door : doors_)
                door->poll->watch(0);
            rest_ = std::make_unique<Timer>(loop_, 1000, 0, [this] {
                for (auto &door : doors_)
                    door->poll->watch(UV_READABLE);
            });
        }
        return;
    }
    if (visitors_.size() >= kMaxVisitors)
        return refuse(std::move(fd), EBUSY,
                      daemon_ + " on " + node_ + " has " + std::to_string(kMaxVisitors) +
                          " connections that have not yet said who they are, its limit: try again");
    if (const std::string origin = origin_of(fd.get()); !rate_.take(origin, now_ns()))
        return refuse(std::move(fd), EBUSY,
                      origin + " opens more than " + std::to_string(rate_.limit()) +
                          " connections a second to " + daemon_ + " on " + node_ +
                          " (MaxConnectionRate): try again");
    wire::tune_tcp(fd.get());
    auto visitor = std::make_shared<Visitor>();
    visitor->fd = std::move(fd);
    visitor->challenge = wire::make_challenge(node_, instance_, auth_.method, daemon_);
    if (!wire::is_unix_socket(visitor->fd.get()))
        wire::offer_sealing(visitor->challenge, auth_.encrypt);
    if (!send_now(visitor->fd.get(), wire::pack_challenge(visitor->challenge)))
        return;
    // The visitor is kept by the list; what it owns must not keep it.
    std::weak_ptr<Visitor> weak = visitor;
    visitor->poll = std::make_unique<Poll>(loop_, visitor->fd.get(), [this, weak](int) {
        if (auto alive = weak.lock())
            read(alive);
    });
    visitor->timer = std::make_unique<Timer>(loop_, wire::kHandshakeMs, 0, [this, weak] {
        if (auto alive = weak.lock())
            turn_away(alive, ETIMEDOUT,
                      "no hello and proof within " + std::to_string(wire::kHandshakeMs / 1000) +
                          " s");
    });
    visitor->poll->watch(UV_READABLE);
    visitors_.push_back(visitor);
}

void Gate::read(const std::shared_ptr<Visitor> &visitor)
{
    std::array<std::byte, 4096> bytes;
    const ssize_t count = ::read(visitor->fd.get(), bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        log(Level::debug, "a peer left before its proof");
        return leave(visitor);
    }
    try {
        visitor->reader.feed({bytes.data(), static_cast<size_t>(count)});
        while (auto payload = visitor->reader.next_payload()) {
            auto &place = visitor->hello.empty() ? visitor->hello : visitor->proof;
            place.assign(payload->begin(), payload->end());
            if (&place == &visitor->hello) {
                // What is no hello gets its answer without waiting for a proof.
                wire::check_hello(visitor->hello, visitor->challenge);
                continue;
            }
            // Nothing may follow before the answer: a worker would not see what was read here.
            if (visitor->reader.pending())
                fail(EPROTO, "bytes after the proof, before its answer");
            return verify(visitor);
        }
    } catch (const Error &error) {
        turn_away(visitor, error.code(), error.what());
    }
}

void Gate::verify(const std::shared_ptr<Visitor> &visitor)
{
    visitor->poll.reset();
    visitor->timer.reset();
    struct Outcome {
        wire::Acceptance acceptance;
        int code = 0;
        std::string reason;
    };
    auto outcome = std::make_shared<Outcome>();
    off_loop(
        loop_,
        [outcome, visitor, auth = auth_] {
            try {
                outcome->acceptance =
                    wire::verify_hello(visitor->hello, visitor->proof, visitor->challenge, auth);
            } catch (const Error &error) {
                outcome->code = error.code();
                outcome->reason = error.what();
            } catch (const std::exception &error) {
                outcome->code = EPROTO;
                outcome->reason = error.what();
            }
        },
        [this, outcome, visitor, open = open_] {
            if (!*open)
                return;
            if (!outcome->reason.empty())
                return turn_away(visitor, code_for(visitor->hello, outcome->code), outcome->reason);
            Fd fd = std::move(visitor->fd);
            leave(visitor);
            admitted_(std::move(fd), outcome->acceptance);
        });
}

void Gate::turn_away(const std::shared_ptr<Visitor> &visitor, int code, const std::string &reason)
{
    log(Level::info, "refused a connection: %s", reason.c_str());
    visitor->poll.reset();
    refuse(std::move(visitor->fd), code, reason);
    leave(visitor);
}

void Gate::leave(const std::shared_ptr<Visitor> &visitor)
{
    visitor->poll.reset();
    visitor->timer.reset();
    visitors_.remove(visitor);
}

} // namespace vgpu::control
