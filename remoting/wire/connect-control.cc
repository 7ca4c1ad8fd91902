// SPDX-License-Identifier: Apache-2.0
// Control connections of tools, plugins and daemons.
#include "remoting/wire/address.h"
#include "remoting/wire/opening.h"

#include <cerrno>

namespace vgpu::wire
{

ControlConnection connect_control(const std::string &address, std::string_view role,
                                  const AuthConfig &auth, int timeout_ms)
{
    Deadline deadline = Deadline::after_ms(timeout_ms); // for all of it
    Fd fd = connect_to(address, deadline);
    try {
        Opening opening(std::move(fd), auth, deadline.poll_ms());
        opening.hello(role, {}, deadline.poll_ms());
        opening.welcome(deadline.poll_ms());
        return ControlConnection(opening.take(), opening.challenge());
    } catch (const Error &error) {
        fail(error.code(), "%s: %s", address.c_str(), error.what());
    }
}

msgpack::sbuffer pack_request(uint64_t id, std::string_view method, const Map &params)
{
    return Map()
        .set("type", "request")
        .set("id", id)
        .set("method", method)
        .set("params", params)
        .pack();
}

msgpack::sbuffer pack_reply(uint64_t id, const Map &result)
{
    return Map().set("type", "reply").set("id", id).set("ok", true).set("result", result).pack();
}

msgpack::sbuffer pack_failure(uint64_t id, int code, std::string_view error)
{
    return Map()
        .set("type", "reply")
        .set("id", id)
        .set("ok", false)
        .set("code", code)
        .set("error", error)
        .pack();
}

msgpack::object_handle ControlConnection::call(std::string_view method, const Map &params,
                                               int timeout_ms)
{
    Deadline deadline = Deadline::after_ms(timeout_ms);
    uint64_t id = next_id_++;
    send_frame(socket_, pack_request(id, method, params), deadline);
    for (;;) {
        auto frame = receive_frame(socket_, kMaxFrame, deadline);
        const msgpack::object &map = frame.get();
        std::string_view type = get_string(map, "type");
        if (type == "request") {
            send_frame(socket_,
                       pack_failure(get_u64(map, "id"), ENOSYS, "nothing is served on this side"),
                       deadline);
            continue;
        }
        if (type != "reply")
            fail(EPROTO, "%s on %s sent neither a request nor a reply", peer_.daemon.c_str(),
                 peer_.node.c_str());
        if (get_u64(map, "id") != id)
            continue; // the late answer to a call that timed out
        if (!get_bool(map, "ok"))
            throw Error(int(get_i64(map, "code")), std::string(get_string(map, "error")));
        // The result lives in the frame's zone, which goes with it.
        msgpack::object result = get_map(map, "result");
        return msgpack::object_handle(result, std::move(frame.zone()));
    }
}

} // namespace vgpu::wire
