// SPDX-License-Identifier: Apache-2.0
// An authenticated control connection on the daemon's loop: requests and replies in either
// direction.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "daemon/common/loop.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

class Connection;

/// The answer that a request is owed. It may be given later, from any callback of the loop; given
/// to a connection that is gone it is dropped. A request whose Reply dies unanswered is answered
/// with an error.
class Reply
{
public:
    Reply(std::weak_ptr<Connection> connection, uint64_t id);
    void ok(const wire::Map &result = {}) const;
    void failed(int code, const std::string &text) const;

private:
    struct Owed;
    std::shared_ptr<Owed> owed_;
};

/// How a request of ours ended: `error` is empty and `result` a map, or it failed with `code`.
struct Answer {
    const msgpack::object &result;
    int code = 0;
    std::string error;
    bool ok() const { return error.empty(); }
};

class Connection : public std::enable_shared_from_this<Connection>
{
public:
    using OnRequest = std::function<void(Connection &, std::string_view method,
                                         const msgpack::object &params, Reply)>;
    using OnClose = std::function<void(Connection &, const std::string &why)>;
    using OnAnswer = std::function<void(const Answer &)>;

    Connection(uv_loop_t *loop, wire::StreamSocket socket, wire::Peer peer, OnRequest on_request,
               OnClose on_close);

    /// Begins to read; the callbacks may come from now on.
    void start();

    /// Asks the peer; `on_answer` is called exactly once, also when the peer is gone or silent for
    /// `timeout_ms`.
    void request(std::string_view method, const wire::Map &params, OnAnswer on_answer,
                 uint64_t timeout_ms = 10'000);

    /// Closes at once; on_close is called, and waiting requests fail with `why`.
    void close(const std::string &why);

    const wire::Peer &peer() const { return peer_; }

private:
    friend class Reply;
    struct Waiting {
        OnAnswer on_answer;
        std::unique_ptr<Timer> timer;
    };

    void ready(int events);
    void read();
    void write();
    void send(const msgpack::sbuffer &frame);
    void dispatch(const msgpack::object &frame);
    void settle(uint64_t id, const Answer &answer);

    uv_loop_t *loop_;
    wire::StreamSocket socket_;
    wire::Peer peer_;
    OnRequest on_request_;
    OnClose on_close_;
    std::unique_ptr<Poll> poll_; // after socket_: it must stop before the descriptor closes
    wire::FrameReader reader_;
    std::string output_;
    size_t written_ = 0;
    uint64_t next_id_ = 1;
    std::map<uint64_t, Waiting> waiting_;
};

} // namespace vgpu::control
