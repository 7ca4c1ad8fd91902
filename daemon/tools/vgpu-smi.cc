// SPDX-License-Identifier: Apache-2.0
// vgpu-smi: what the GPUs of the cluster do.
#include <ctime>
#include <iostream>
#include <unistd.h>

#include "daemon/common/command-line.h"
#include "daemon/common/command-options.h"
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
    using namespace vgpu;
    using namespace vgpu::control;
    CLI::App app("Shows the GPUs, their slices and the processes that use them.", "vgpu-smi");
    Options wanted(smi_options());
    add_options(app, wanted);
    CLI11_PARSE(app, argc, argv);
    const Target target{wanted.string("server"), wanted.string("conf")};
    const auto pause =
        std::chrono::duration_cast<std::chrono::seconds>(wanted.duration("loop")).count();
    try {
        for (;;) {
            show_once(target, wanted.boolean("json"));
            if (!pause)
                return EXIT_SUCCESS;
            sleep(static_cast<unsigned>(pause));
        }
    } catch (const std::exception &error) {
        std::cerr << "vgpu-smi: " << error.what() << std::endl;
        return EXIT_FAILURE;
    }
}
