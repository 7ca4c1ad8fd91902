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
void fuzz_libraries(std::span<const std::byte> bytes);
} // namespace vgpu::server

template<class Target>
void feed(Target &&target, int rounds, unsigned seed)
{
    vgpu::set_log_sink([](vgpu::Level, std::string_view) {}); // refused images are told otherwise
    std::mt19937 random(seed);
    for (int round = 0; round < rounds; ++round) {
        std::vector<std::byte> bytes(random() % 600);
        for (std::byte &byte : bytes)
            byte = std::byte(random());
        target(bytes);
    }
    vgpu::set_log_sink({});
}

TEST(Fuzz, dispatch)
{
    feed(vgpu::server::fuzz_dispatch, 3000, 2);
}

TEST(Fuzz, libraries)
{
    feed(vgpu::server::fuzz_libraries, 500, 3);
}
