// SPDX-License-Identifier: Apache-2.0
// vgpu-run's own vgpud: started for one program, reachable by nobody else, gone with whoever
// started it.
#pragma once

#include <string>
#include <sys/types.h>

#include "daemon/common/conf.h"
#include "remoting/base/fd.h"

namespace vgpu::control
{

class PrivateDaemon
{
public:
    /// Starts it and waits until it serves; `driver` as in vgpu.conf.
    explicit PrivateDaemon(const std::string &driver);
    ~PrivateDaemon();
    PrivateDaemon(const PrivateDaemon &) = delete;
    PrivateDaemon &operator=(const PrivateDaemon &) = delete;

    const Conf &conf() const { return conf_; }
    const std::string &directory() const { return directory_; } // 0700, removed at the end

private:
    void write_conf(const std::string &driver);
    void start();
    void await_ready();
    void end() noexcept;

    std::string directory_;
    Conf conf_;
    pid_t pid_ = 0;
    Fd leash_; // its end of file tells vgpud that we are gone, however that came about
};

} // namespace vgpu::control
