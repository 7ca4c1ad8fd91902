// SPDX-License-Identifier: Apache-2.0
// A little of the fuzz target in every test run.
#include "remoting/base/log.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <random>
#include <span>
#include <vector>

namespace vgpu::client
{
void fuzz_answers(std::span<const std::byte> bytes);
}

TEST(Fuzz, answers)
{
    vgpu::set_log_sink(
        [](vgpu::Level, std::string_view) {}); // a broken connection is told otherwise
    std::mt19937 random(4);
    for (int round = 0; round < 1000; ++round) {
        std::vector<std::byte> bytes(random() % 200);
        for (std::byte &byte : bytes)
            byte = std::byte(random());
        vgpu::client::fuzz_answers(bytes);
    }
    vgpu::set_log_sink({});
}
