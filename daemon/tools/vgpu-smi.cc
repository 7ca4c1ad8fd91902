// SPDX-License-Identifier: Apache-2.0
// vgpu-smi: what the GPUs of the cluster do.
#include "config.h"

#include <CLI/CLI.hpp>
#include <ctime>
#include <iostream>
#include <unistd.h>

#include "daemon/tools/show.h"
#include "daemon/tools/target.h"

namespace vgpu::control
{

namespace
{

std::string time_text()
{
    char text[32];
    const std::time_t now = std::time(nullptr);
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", std::localtime(&now));
    return text;
}

void show_once(const Target &target, bool json)
{
    Client client = target.connect();
    if (json) {
        // The very answer, so that a tool of another version hides nothing; msgpack writes it as
        // JSON.
        std::cout << client.call("state.get").get() << std::endl;
        return;
    }
    const State state = client.state();
    std::cout << "vgpu-smi " PACKAGE_VERSION "   " << time_text() << "   from "
              << client.daemon().daemon << " on " << client.daemon().node << "\n\n"
              << show_devices(state) << "\n"
              << show_slices(state) << "\n"
              << show_sessions(state) << std::flush;
}

} // namespace

} // namespace vgpu::control

int main(int argc, char **argv)
{
    using namespace vgpu::control;
    CLI::App app("Shows the GPUs, their slices and the processes that use them.", "vgpu-smi");
    Target target;
    bool json = false;
    unsigned loop_seconds = 0;
    app.add_flag("--json", json, "as JSON: nodes, devices, slices, sessions");
    app.add_option("-l,--loop", loop_seconds, "again every so many seconds")
        ->check(CLI::Range(1U, 86400U));
    app.add_option("--server", target.server,
                   "HOST:PORT of a vgpuctld or vgpud (default: the lease's, else the site's)");
    app.add_option("--conf", target.conf, "the vgpu.conf to use");
    app.set_version_flag("-V,--version", std::string("vgpu-smi ") + PACKAGE_VERSION);
    CLI11_PARSE(app, argc, argv);
    try {
        for (;;) {
            show_once(target, json);
            if (!loop_seconds)
                return EXIT_SUCCESS;
            sleep(loop_seconds);
        }
    } catch (const std::exception &error) {
        std::cerr << "vgpu-smi: " << error.what() << std::endl;
        return EXIT_FAILURE;
    }
}
