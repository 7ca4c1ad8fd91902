// SPDX-License-Identifier: Apache-2.0
// vgpuctl: the admin's hand on the state table.
#include <iostream>

#include "daemon/common/command-line.h"
#include "daemon/common/command-options.h"
#include "daemon/tools/metrics.h"
#include "daemon/tools/show.h"
#include "daemon/tools/target.h"

int main(int argc, char **argv)
{
    using namespace vgpu;
    using namespace vgpu::control;
    CLI::App app("Shows and changes the state of vgpuctld, or of a vgpud that stands alone.",
                 "vgpuctl");
    Options wanted(ctl_options());
    add_options(app, wanted);
    std::string kind;
    std::vector<std::string> leases;
    app.require_subcommand(1);
    CLI::App *show = app.add_subcommand("show", "Shows rows of the state table.");
    show->add_option("kind", kind, "nodes, devices, slices, leases or sessions")
        ->required()
        ->check(CLI::IsMember({"nodes", "devices", "slices", "leases", "sessions"}));
    CLI::App *release =
        app.add_subcommand("release", "Ends leases; their programs lose their GPUs.");
    release->add_option("lease", leases, "as vgpuctl show leases names them")->required();
    CLI::App *metrics =
        app.add_subcommand("metrics", "Prints the table's numbers in Prometheus' text format.");
    // The common options may also stand behind the command.
    show->fallthrough();
    release->fallthrough();
    metrics->fallthrough();
    CLI11_PARSE(app, argc, argv);
    try {
        Client client = Target{wanted.string("server"), wanted.string("conf")}.connect();
        for (const std::string &lease : leases)
            client.release(lease);
        if (*metrics)
            std::cout << metrics_text(client.state());
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
