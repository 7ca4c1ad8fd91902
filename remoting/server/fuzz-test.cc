// SPDX-License-Identifier: Apache-2.0
// A little of the fuzz target in every test run.
#include "remoting/base/log.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <span>
#include <vector>

namespace vgpu::server
{
void fuzz_dispatch(std::span<const std::byte> bytes);
}

TEST(Fuzz, dispatch)
{
    vgpu::set_log_sink([](vgpu::Level, std::string_view) {}); // refused images are told otherwise
    std::mt19937 random(2);
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::byte> bytes(random() % 600);
        for (std::byte &byte : bytes)
            byte = std::byte(random());
        vgpu::server::fuzz_dispatch(bytes);
    }
    vgpu::set_log_sink({});
}
