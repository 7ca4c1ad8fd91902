// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/renewer.h"

#include <chrono>
#include <csignal>

#include "daemon/common/control-client.h"
#include "spank-plugin/slurm.h"

namespace vgpu::spank
{

Renewer::Renewer(control::Conf conf, std::string lease)
    : conf_(std::move(conf)), lease_(std::move(lease))
{
    // The step daemon's signals belong to its own threads: ours starts with all of them blocked.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread(&Renewer::run, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Renewer::~Renewer()
{
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Renewer::run()
{
    const auto pause = std::chrono::milliseconds(conf_.lease_timeout * 1000 / 3);
    bool failing = false;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, pause, [this] { return stop_; })) {
        lock.unlock();
        try {
            control::Client client(conf_, "plugin");
            client.timeout_ms = 3000;
            client.renew(lease_);
            failing = false;
        } catch (const std::exception &error) {
            // Once is enough: vgpuctld may be restarting, and the next try follows anyway.
            if (!failing)
                slurm_error("vgpu: lease %s is not renewed: %s", lease_.c_str(), error.what());
            failing = true;
        }
        lock.lock();
    }
}

} // namespace vgpu::spank
