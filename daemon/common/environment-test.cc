// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/environment.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <unistd.h>

namespace vgpu::control
{

namespace
{

/// A folder of libraries, as VGPU_LIBDIR names it.
class Environment : public testing::Test
{
protected:
    void SetUp() override
    {
        ASSERT_NE(mkdtemp(directory_.data()), nullptr);
        std::ofstream(directory_ + "/libcuda.so.1");
        std::ofstream(directory_ + "/libcudart.so.13");
        std::ofstream(directory_ + "/libcudart.so");
        std::ofstream(directory_ + "/libcublas.so.13");
        std::ofstream(directory_ + "/libcublas.so.13.0.0");
        std::ofstream(directory_ + "/libnvidia-ml.so.1");
        setenv("VGPU_LIBDIR", directory_.c_str(), 1);
    }
    void TearDown() override
    {
        unsetenv("VGPU_LIBDIR");
        std::filesystem::remove_all(directory_);
    }

    std::map<std::string, std::string> made(const std::map<std::string, std::string> &present)
    {
        std::map<std::string, std::string> all = present;
        for (const auto &[name, value] : job_environment(
                 [&](const char *name) {
                     auto found = present.find(name);
                     return found == present.end() ? nullptr : found->second.c_str();
                 },
                 "/l"))
            all[name] = value;
        return all;
    }

    std::string directory_ = "/tmp/vgpu-environment.XXXXXX";
};

TEST_F(Environment, SetsWhatAProgramNeeds)
{
    const auto all = made({});
    EXPECT_EQ(all.at("VGPU_LEASE"), "/l");
    EXPECT_EQ(all.at("LD_LIBRARY_PATH"), directory_);
    EXPECT_EQ(all.at("LD_PRELOAD"), directory_ + "/libcuda.so.1:" + directory_ +
                                        "/libcudart.so.13:" + directory_ + "/libcublas.so.13");
    EXPECT_EQ(all.at("NVCC_APPEND_FLAGS"), "-cudart shared");
}

TEST_F(Environment, KeepsWhatIsThere)
{
    const auto all = made({{"LD_LIBRARY_PATH", "/opt/lib"},
                           {"LD_PRELOAD", "/a.so /b.so"},
                           {"NVCC_APPEND_FLAGS", "-g"}});
    EXPECT_EQ(all.at("LD_LIBRARY_PATH"), directory_ + ":/opt/lib");
    EXPECT_TRUE(all.at("LD_PRELOAD").ends_with("libcublas.so.13:/a.so:/b.so"))
        << all.at("LD_PRELOAD");
    EXPECT_EQ(all.at("NVCC_APPEND_FLAGS"), "-g -cudart shared");
}

TEST_F(Environment, DoesNotGrowWhenNested)
{
    const auto once = made({});
    EXPECT_EQ(made(once), once);
}

} // namespace

} // namespace vgpu::control
