// SPDX-License-Identifier: Apache-2.0
// vgpud: the command line and the loop.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/common/command-line.h"
#include "daemon/common/command-options.h"
#include "daemon/common/daemon-log.h"
#include "daemon/common/descriptor-limit.h"
#include "daemon/common/private-files.h"
#include "daemon/vgpud/vgpud.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

/// The loop with its daemon, until a signal or, for vgpu-run's private one, the end of who started
/// it.
class Program
{
public:
    Program(const Conf &conf, int supervisor) : supervisor_(supervisor)
    {
        uv_loop_init(&loop_);
        vgpud_ = std::make_unique<Vgpud>(&loop_, conf, probe(conf));
        for (int number : {SIGTERM, SIGINT, SIGQUIT})
            signals_.push_back(
                std::make_unique<Signal>(&loop_, number, [this] { stop("a signal"); }));
        if (supervisor_) {
            poll_ = std::make_unique<Poll>(&loop_, supervisor_.get(),
                                           [this](int) { stop("the end of vgpu-run"); });
            poll_->watch(UV_READABLE);
        }
    }

    void run()
    {
        if (supervisor_ && write(supervisor_.get(), "ready", 5) != 5)
            fail_errno("telling vgpu-run");
        uv_run(&loop_, UV_RUN_DEFAULT);
        vgpud_.reset();
        uv_run(&loop_, UV_RUN_NOWAIT); // the close callbacks
    }

private:
    void stop(const char *why)
    {
        poll_.reset();
        log(Level::info, "ending after %s", why);
        vgpud_->stop([this] {
            signals_.clear();
            uv_stop(&loop_);
        });
    }

    uv_loop_t loop_{};
    Fd supervisor_;
    std::unique_ptr<Vgpud> vgpud_;
    std::vector<std::unique_ptr<Signal>> signals_;
    std::unique_ptr<Poll> poll_;
};

int daemon_main(const std::string &conf_path, const Arguments &arguments, int supervisor)
{
    const Conf conf = load_daemon_conf(conf_path, arguments);
    start_log(conf, "vgpud");
    const PidFile pid_file(conf, "vgpud");
    if (supervisor >= 0)
        set_cloexec(supervisor);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    Program program(conf, supervisor);
    program.run();
    if (supervisor >= 0)
        remove_private_files(std::filesystem::path(conf.path).parent_path());
    log(Level::info, "ended");
    return EXIT_SUCCESS;
}

} // namespace

} // namespace vgpu::control

int main(int argc, char **argv)
{
    CLI::App app(
        "The node daemon of slurm-vgpu: finds the GPUs of this node and serves slices of them.\n"
        "vgpud(8) describes it, vgpu.conf(5) its configuration.",
        "vgpud");
    vgpu::Options options(vgpu::control::vgpud_options());
    vgpu::control::Arguments arguments;
    vgpu::control::add_options(app, options);
    vgpu::control::add_conf_options(app, arguments);
    CLI11_PARSE(app, argc, argv);
    try {
        if (options.boolean("probe"))
            return vgpu::control::probe_child(options.string("probe-driver"));
        // Without libuv's exit handler: it would wait for a thread that still tries to reach
        // vgpuctld.
        _exit(vgpu::control::daemon_main(
            options.string("conf"), arguments,
            options.is_set("supervised") ? static_cast<int>(options.integer("supervised")) : -1));
    } catch (const std::exception &error) {
        vgpu::log(vgpu::Level::error, "vgpud: %s", error.what());
        return EXIT_FAILURE;
    }
}
