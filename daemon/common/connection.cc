// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/connection.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>

#include "remoting/base/error.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

// A peer that does not read its answers is cut off, before they fill our memory.
constexpr size_t kMaxOutput = 8 * wire::kMaxFrame;
const msgpack::object kNothing;

} // namespace

struct Reply::Owed {
    std::weak_ptr<Connection> connection;
    uint64_t id = 0;
    bool paid = false;

    void pay(const msgpack::sbuffer &frame)
    {
        if (std::exchange(paid, true))
            return;
        auto alive = connection.lock();
        if (!alive)
            return;
        if (frame.size() > wire::kMaxFrame)
            return alive->send(wire::pack_failure(id, EMSGSIZE, "the answer is too long to send"));
        alive->send(frame);
    }
    ~Owed()
    {
        pay(wire::pack_failure(id, EIO, "the request was dropped; the daemon's log says why"));
    }
};

Reply::Reply(std::weak_ptr<Connection> connection, uint64_t id) : owed_(std::make_shared<Owed>())
{
    owed_->connection = std::move(connection);
    owed_->id = id;
}

void Reply::ok(const wire::Map &result) const
{
    owed_->pay(wire::pack_reply(owed_->id, result));
}

void Reply::failed(int code, const std::string &text) const
{
    owed_->pay(wire::pack_failure(owed_->id, code, text));
}

Connection::Connection(uv_loop_t *loop, wire::StreamSocket socket, wire::Peer peer,
                       OnRequest on_request, OnClose on_close)
    : loop_(loop), socket_(std::move(socket)), peer_(std::move(peer)),
      on_request_(std::move(on_request)), on_close_(std::move(on_close))
{
    set_nonblocking(socket_.get());
    poll_ = std::make_unique<Poll>(loop, socket_.get(), [this](int events) { ready(events); });
}

void Connection::start()
{
    poll_->watch(UV_READABLE);
}

void Connection::ready(int events)
{
    auto alive = shared_from_this();
    try {
        if (events & UV_WRITABLE)
            write();
        if (socket_ && (events & UV_READABLE))
            read();
    } catch (const Error &error) {
        close(error.what());
    }
}

void Connection::read()
{
    std::array<std::byte, 16384> bytes;
    // To the end of what is there: nobody tells of sealed bytes that were read and not given out.
    do {
        const ssize_t count = socket_.receive(bytes);
        if (count == 0)
            return close("the peer closed the connection");
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR)
                return;
            fail_errno("reading from %s", peer_.host.c_str());
        }
        reader_.feed({bytes.data(), static_cast<size_t>(count)});
        while (socket_) {
            std::optional<msgpack::object_handle> frame = reader_.next();
            if (!frame)
                break;
            dispatch(frame->get());
        }
    } while (socket_ && socket_.is_sealed());
}

void Connection::dispatch(const msgpack::object &frame)
{
    const std::string_view type = wire::get_string(frame, "type");
    const uint64_t id = wire::get_u64(frame, "id");
    if (type == "request") {
        const std::string_view method = wire::get_string(frame, "method");
        Reply reply(weak_from_this(), id);
        try {
            on_request_(*this, method, wire::get_map(frame, "params"), reply);
        } catch (const Error &error) {
            reply.failed(error.code(), error.what());
        }
    } else if (type == "reply") {
        if (wire::get_bool(frame, "ok"))
            settle(id, {wire::get_map(frame, "result"), 0, ""});
        else
            settle(id, {kNothing, static_cast<int>(wire::get_i64(frame, "code")),
                        std::string(wire::get_string(frame, "error"))});
    } else {
        fail(EPROTO, "a frame of type \"%.*s\" where requests and replies are expected",
             static_cast<int>(std::min<size_t>(type.size(), 32)), type.data());
    }
}

void Connection::request(std::string_view method, const wire::Map &params, OnAnswer on_answer,
                         uint64_t timeout_ms)
{
    const uint64_t id = next_id_++;
    const std::string text = "no answer to " + std::string(method) + " from " + peer_.host +
                             " within " + std::to_string(timeout_ms / 1000) + " s";
    auto timer = std::make_unique<Timer>(loop_, timeout_ms, 0, [this, id, text] {
        auto alive = shared_from_this();
        settle(id, {kNothing, ETIMEDOUT, text});
    });
    waiting_.emplace(id, Waiting{std::move(on_answer), std::move(timer)});
    send(wire::pack_request(id, method, params));
}

void Connection::settle(uint64_t id, const Answer &answer)
{
    auto found = waiting_.find(id);
    if (found == waiting_.end())
        return; // it came after its time
    const OnAnswer call = std::move(found->second.on_answer);
    waiting_.erase(found);
    call(answer);
}

void Connection::send(const msgpack::sbuffer &frame)
{
    if (!socket_)
        return;
    if (written_ > output_.size() / 2) { // a peer that never catches up quite
        output_.erase(0, written_);
        written_ = 0;
    }
    output_ += wire::frame_bytes(frame);
    if (output_.size() - written_ > kMaxOutput)
        return close("the peer does not read what it is sent");
    try {
        write();
    } catch (const Error &error) {
        close(error.what());
    }
}

void Connection::write()
{
    while (written_ < output_.size()) {
        const iovec left{output_.data() + written_, output_.size() - written_};
        const ssize_t count = socket_.send(std::span(&left, 1));
        if (count < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN)
                return poll_->watch(UV_READABLE | UV_WRITABLE);
            fail_errno("writing to %s", peer_.host.c_str());
        }
        written_ += static_cast<size_t>(count);
    }
    output_.clear();
    written_ = 0;
    poll_->watch(socket_.flush() ? UV_READABLE : UV_READABLE | UV_WRITABLE);
}

void Connection::close(const std::string &why)
{
    if (!socket_)
        return;
    auto alive = shared_from_this();
    poll_.reset();
    socket_.reset();
    while (!waiting_.empty())
        settle(waiting_.begin()->first, {kNothing, ECONNRESET, why});
    if (on_close_)
        on_close_(*this, why);
}

} // namespace vgpu::control
