// SPDX-License-Identifier: Apache-2.0
// Tables of options on a command line: what CLI11 is told of them.
#pragma once

#include "config.h"

#include <CLI/CLI.hpp>
#include <string>

#include "daemon/common/conf.h"
#include "remoting/base/error.h"

namespace vgpu::control
{

/// What is given goes into `options`, whose table they are; both must outlive the parsing.
inline void add_options(CLI::App &app, Options &options)
{
    for (const Option &option : options.table()) {
        const std::string key = option.key;
        if (key == "version") {
            app.set_version_flag(option.cli, app.get_name() + " " PACKAGE_VERSION, option.doc);
            continue;
        }
        if (key == "help") {
            app.set_help_flag(option.cli, option.doc);
            continue;
        }
        auto take = [&options, &option](const std::string &value) {
            try {
                options.set_argument(option.cli, value);
            } catch (const Error &error) {
                throw CLI::ValidationError(error.what());
            }
        };
        if (option.type == Option::Type::flag) {
            app.add_flag_callback(
                option.cli, [take] { take("yes"); }, option.doc);
            continue;
        }
        CLI::Option *made = app.add_option_function<std::string>(option.cli, take, option.doc);
        made->type_name(value_name(option));
        if (option.default_value && *option.default_value)
            made->default_str(option.default_value);
    }
}

/// The table of vgpu.conf for a daemon. What is given is appended to `arguments`, since the file
/// and the environment come first.
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
            ->type_name(value_name(option))
            ->group("Instead of what vgpu.conf says");
    }
}

} // namespace vgpu::control
