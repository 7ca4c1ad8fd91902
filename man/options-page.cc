// SPDX-License-Identifier: Apache-2.0
// Prints the options of vgpu.conf for its manual page.
#include <cstdio>

#include "daemon/common/conf.h"

int main()
{
    std::fputs(vgpu::manual_text(vgpu::control::conf_table()).c_str(), stdout);
    return 0;
}
