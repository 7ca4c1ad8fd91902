// SPDX-License-Identifier: Apache-2.0
// vgpuctl: the admin's hand on the state table.
#include "config.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "daemon/tools/show.h"
#include "daemon/tools/target.h"

int main(int argc, char **argv)
{
    using namespace vgpu::control;
    CLI::App app("Shows and changes the state of vgpuctld, or of a vgpud that stands alone.",
                 "vgpuctl");
    Target target;
    std::string kind;
    std::vector<std::string> leases;
    app.add_option("--server", target.server,
                   "HOST:PORT of a vgpuctld or vgpud (default: the site's)");
    app.add_option("--conf", target.conf, "the vgpu.conf to use");
    app.set_version_flag("-V,--version", std::string("vgpuctl ") + PACKAGE_VERSION);
    app.require_subcommand(1);
    CLI::App *show = app.add_subcommand("show", "Shows rows of the state table.");
    show->add_option("kind", kind, "nodes, devices, slices, leases or sessions")
        ->required()
        ->check(CLI::IsMember({"nodes", "devices", "slices", "leases", "sessions"}));
    CLI::App *release =
        app.add_subcommand("release", "Ends leases; their programs lose their GPUs.");
    release->add_option("lease", leases, "as vgpuctl show leases names them")->required();
    // The common options may also stand behind the command.
    show->fallthrough();
    release->fallthrough();
    CLI11_PARSE(app, argc, argv);
    try {
        Client client = target.connect();
        for (const std::string &lease : leases)
            client.release(lease);
        if (*show) {
            const State state = client.state();
            std::cout << (kind == "nodes"     ? show_nodes(state)
                          : kind == "devices" ? show_devices(state)
                          : kind == "slices"  ? show_slices(state)
                          : kind == "leases"  ? show_leases(state)
                                              : show_sessions(state));
        }
        return EXIT_SUCCESS;
    } catch (const std::exception &error) {
        std::cerr << "vgpuctl: " << error.what() << std::endl;
        return EXIT_FAILURE;
    }
}
