// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/common/conf.h"

// Renews the lease of a step for as long as the step daemon lives; if that is killed, the lease
// expires by itself.
namespace vgpu::spank
{

class Renewer
{
public:
    Renewer(control::Conf conf, std::string lease);
    ~Renewer();
    Renewer(const Renewer &) = delete;
    Renewer &operator=(const Renewer &) = delete;

private:
    void run();

    control::Conf conf_;
    std::string lease_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stop_ = false;
    std::thread thread_;
};

} // namespace vgpu::spank
