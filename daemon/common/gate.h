// SPDX-License-Identifier: Apache-2.0
// Where peers come in: listens, and leads each connection through the handshake without ever
// blocking the loop.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "daemon/common/connection-rate.h"
#include "daemon/common/loop.h"
#include "remoting/wire/handshake.h"

namespace vgpu::control
{

class Gate
{
public:
    /// A peer that has proved who it is, and has not been answered yet. The descriptor does not
    /// block.
    using Admitted = std::function<void(Fd, const wire::Acceptance &)>;

    /// `rate`: how many connections a second one host, or one user of this host, may open.
    Gate(uv_loop_t *loop, std::string daemon, std::string node, std::string instance,
         wire::AuthConfig auth, uint32_t rate, Admitted admitted);
    ~Gate();

    /// Gives the address in use: port 0 has become a number.
    std::string listen(const std::string &address);

    /// Answers "no" with a text for the user, and closes.
    static void refuse(Fd fd, int code, const std::string &reason);
    /// Answers "yes"; the socket may become a Connection then. Empty if the peer is gone.
    static wire::StreamSocket welcome(Fd fd, const wire::Acceptance &acceptance);

private:
    struct Visitor;
    struct Door;

    void accept(int listener);
    void read(const std::shared_ptr<Visitor> &visitor);
    void verify(const std::shared_ptr<Visitor> &visitor);
    void leave(const std::shared_ptr<Visitor> &visitor);
    void turn_away(const std::shared_ptr<Visitor> &visitor, int code, const std::string &reason);

    uv_loop_t *loop_;
    std::string daemon_;
    std::string node_;
    std::string instance_;
    wire::AuthConfig auth_;
    Admitted admitted_;
    std::vector<std::unique_ptr<Door>> doors_;
    std::list<std::shared_ptr<Visitor>> visitors_; // in the handshake
    ConnectionRate rate_;
    std::unique_ptr<Timer> rest_; // of the doors, when descriptors are short
    std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
};

} // namespace vgpu::control
