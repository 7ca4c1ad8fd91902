// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/arguments.h"

#include <cerrno>
#include <string_view>

#include "remoting/base/error.h"

namespace vgpu::spank
{

Arguments parse_arguments(int count, char **words)
{
    Arguments arguments;
    for (int i = 0; i < count; i++) {
        std::string_view word = words[i];
        if (word.starts_with("conf=") && word.size() > 5)
            arguments.conf = word.substr(5);
        else
            fail(EINVAL,
                 "plugstack.conf: unknown word '%s' behind spank_vgpu.so: conf=PATH is known",
                 words[i]);
    }
    return arguments;
}

} // namespace vgpu::spank
