// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/error.h"
#include "remoting/base/options.h"
#include "remoting/wire/fuzz.h"

using vgpu::Option;

static constexpr Option kTable[] = {
    {"A", nullptr, nullptr, "", "", Option::Type::size},
    {"B", nullptr, nullptr, "", "", Option::Type::duration},
    {"C", nullptr, nullptr, "", "", Option::Type::hostport},
    {"D", nullptr, nullptr, "", "", Option::Type::choice, "x|y"},
    {"E", nullptr, nullptr, "", "", Option::Type::percent},
    {"F", nullptr, nullptr, "", "", Option::Type::string},
    {"G", nullptr, nullptr, "", "", Option::Type::integer},
    {"H", nullptr, nullptr, "", "", Option::Type::boolean},
};

FUZZ_TARGET(fuzz_options)(std::span<const std::byte> input)
{
    vgpu::Options options(kTable);
    try {
        options.load_text({reinterpret_cast<const char *>(input.data()), input.size()}, "f");
    } catch (const vgpu::Error &) {
        return;
    }
    // What was accepted can be read.
    options.size("A");
    options.duration("B");
    options.hostport("C");
    options.percent("E");
    options.integer("G");
    options.boolean("H");
}
