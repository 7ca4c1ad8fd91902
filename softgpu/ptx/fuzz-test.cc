// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fuzz-program.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>

// A short run of the fuzzer with the same outcome each time; the sanitizer builds look at what it
// touches. `--enable-fuzzers` builds the long one.
namespace vgpu::soft
{
namespace
{

TEST(Fuzz, SeedsRun)
{
    auto all = fuzz::seeds();
    ASSERT_GE(all.size(), 3u);
    for (const std::string &seed : all)
        EXPECT_EQ(fuzz::run_anything(seed), 1u) << seed;
}

/// What the fuzzers found, made small.
TEST(Fuzz, WhatOnceBroke)
{
    // The window of parameters is added to an offset that is the largest there is.
    EXPECT_EQ(fuzz::run_anything(R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry far(.param .u64 a)
{
.reg .b64 %d<3>;
mov.u64 %d1, a;
ld.param.u64 %d2, [%d1+9223372036854775807];
ret;
})"),
              1u);
}

unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? unsigned(strtoul(text, nullptr, 10)) : otherwise;
}

TEST(Fuzz, LaunchesAreHarmless)
{
    const unsigned rounds = setting("VGPU_FUZZ_ROUNDS", 400);
    std::mt19937 random(setting("VGPU_FUZZ_SEED", 20240607));
    unsigned well = 0, faults = 0;
    for (unsigned round = 0; round < rounds; round++) {
        std::vector<uint8_t> bytes(48);
        std::generate(bytes.begin(), bytes.end(), [&] { return uint8_t(random()); });
        Fault fault = fuzz::launch_anything(bytes);
        EXPECT_NE(fault.kind, Fault::Kind::internal) << fault.text;
        (fault.kind == Fault::Kind::none ? well : faults)++;
    }
    EXPECT_GT(well, rounds / 80); // most arguments are of another state space, or of none
    EXPECT_GT(faults, rounds / 4);
}

/// VGPU_FUZZ_ROUNDS and VGPU_FUZZ_SEED make a longer run or another one; VGPU_FUZZ_KEEP names a
/// file that holds the program which ran last.
TEST(Fuzz, MutatedProgramsAreHarmless)
{
    auto pool = fuzz::seeds();
    const size_t originals = pool.size();
    const unsigned rounds = setting("VGPU_FUZZ_ROUNDS", 1500);
    std::mt19937 random(setting("VGPU_FUZZ_SEED", 20240607));
    const char *keep = getenv("VGPU_FUZZ_KEEP");
    unsigned ran = 0;
    for (unsigned round = 0; round < rounds; round++) {
        std::string text = fuzz::mutate(pool[random() % pool.size()], random);
        if (keep)
            std::ofstream(keep) << text;
        if (!fuzz::run_anything(text))
            continue;
        ran++;
        // Those that still run are changed further.
        if (pool.size() < 64)
            pool.push_back(std::move(text));
        else
            pool[originals + random() % (pool.size() - originals)] = std::move(text);
    }
    EXPECT_GT(ran, rounds / 5) << "most mutations are refused at once and show nothing";
}

} // namespace
} // namespace vgpu::soft
