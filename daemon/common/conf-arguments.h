// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "daemon/common/conf.h"

// The table of vgpu.conf as command-line options of a daemon, so that --help shows each with its
// text.
namespace vgpu::control
{

/// What is given is appended to `arguments`, which must outlive the parsing.
inline void add_conf_options(CLI::App &app, Arguments &arguments)
{
    for (const Option &option : conf_table()) {
        if (!option.cli)
            continue;
        app.add_option_function<std::string>(
               option.cli,
               [&arguments, &option](const std::string &value) {
                   arguments.emplace_back(option.cli, value);
               },
               option.doc)
            ->group("Instead of what vgpu.conf says");
    }
}

} // namespace vgpu::control
