// SPDX-License-Identifier: Apache-2.0
// Fills a manual page's template: each line "@OPTIONS name@" becomes the items of that table.
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "daemon/common/command-options.h"
#include "daemon/common/conf.h"
#include "remoting/base/error.h"
#include "remoting/base/variables.h"
#include "softgpu/driver/variables.h"
#include "spank-plugin/option-table.h"

namespace
{

using vgpu::ManualStyle;

const struct {
    std::string_view name;
    std::span<const vgpu::Option> (*table)();
    ManualStyle style;
} kTables[] = {
    {"vgpu.conf", vgpu::control::conf_table, ManualStyle::keys},
    {"vgpu-run", vgpu::control::run_options, ManualStyle::commands},
    {"vgpu-smi", vgpu::control::smi_options, ManualStyle::commands},
    {"vgpuctl", vgpu::control::ctl_options, ManualStyle::commands},
    {"vgpud", vgpu::control::vgpud_options, ManualStyle::commands},
    {"vgpuctld", vgpu::control::vgpuctld_options, ManualStyle::commands},
    {"spank", vgpu::spank::option_table, ManualStyle::commands},
    {"lease", vgpu::lease_variables, ManualStyle::variables},
    {"program", vgpu::program_variables, ManualStyle::variables},
    {"tools", vgpu::tool_variables, ManualStyle::variables},
    {"soft", vgpu::soft::driver::soft_variables, ManualStyle::variables},
};

std::string items(std::string_view name)
{
    for (const auto &one : kTables) {
        if (one.name == name)
            return manual_text(one.table(), one.style);
    }
    vgpu::fail(EINVAL, "there is no table of options '%s'", std::string(name).c_str());
}

void fill(const char *path)
{
    constexpr std::string_view kBegin = "@OPTIONS ";
    std::ifstream page(path);
    if (!page)
        vgpu::fail_errno("%s", path);
    for (std::string line; std::getline(page, line);) {
        const std::string_view text = line;
        if (text.starts_with(kBegin) && text.ends_with('@'))
            std::cout << items(text.substr(kBegin.size(), text.size() - kBegin.size() - 1));
        else
            std::cout << line << '\n';
    }
}

} // namespace

int main(int argc, char **argv)
{
    try {
        if (argc != 2)
            vgpu::fail(EINVAL, "usage: page TEMPLATE");
        fill(argv[1]);
        return std::cout.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception &error) {
        std::cerr << "man/page: " << error.what() << std::endl;
        return EXIT_FAILURE;
    }
}
