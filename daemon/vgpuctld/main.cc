// SPDX-License-Identifier: Apache-2.0
// vgpuctld: the command line and the loop.
#include <csignal>
#include <unistd.h>

#include "daemon/common/command-line.h"
#include "daemon/common/command-options.h"
#include "daemon/common/daemon-log.h"
#include "daemon/common/descriptor-limit.h"
#include "daemon/vgpuctld/vgpuctld.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

int daemon_main(const std::string &conf_path, const Arguments &arguments)
{
    const Conf conf = load_daemon_conf(conf_path, arguments);
    if (conf.vgpuctld_host.empty())
        fail(EINVAL, "%s names no VgpuctldHost, the host on which vgpuctld listens",
             conf.path.empty() ? "no vgpu.conf was found, and so it" : conf.path.c_str());
    start_log(conf, "vgpuctld");
    const PidFile pid_file(conf, "vgpuctld");
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    uv_loop_t loop;
    uv_loop_init(&loop);
    auto vgpuctld = std::make_unique<Vgpuctld>(&loop, conf);
    std::vector<std::unique_ptr<Signal>> signals;
    for (int number : {SIGTERM, SIGINT, SIGQUIT})
        signals.push_back(std::make_unique<Signal>(&loop, number, [&] {
            signals.clear();
            uv_stop(&loop);
        }));
    uv_run(&loop, UV_RUN_DEFAULT);
    vgpuctld.reset();
    uv_run(&loop, UV_RUN_NOWAIT); // the close callbacks
    log(Level::info, "ended");
    return EXIT_SUCCESS;
}

} // namespace

} // namespace vgpu::control

int main(int argc, char **argv)
{
    CLI::App app(
        "The management daemon of slurm-vgpu: keeps the GPU state table and grants leases.\n"
        "vgpuctld(8) describes it, vgpu.conf(5) its configuration.",
        "vgpuctld");
    vgpu::Options options(vgpu::control::vgpuctld_options());
    vgpu::control::Arguments arguments;
    vgpu::control::add_options(app, options);
    vgpu::control::add_conf_options(app, arguments);
    CLI11_PARSE(app, argc, argv);
    try {
        _exit(vgpu::control::daemon_main(options.string("conf"),
                                         arguments)); // a thread may still be asking munged
    } catch (const std::exception &error) {
        vgpu::log(vgpu::Level::error, "vgpuctld: %s", error.what());
        return EXIT_FAILURE;
    }
}
