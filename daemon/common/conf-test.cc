// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/conf.h"

#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

#include "remoting/base/error.h"

namespace vgpu::control
{

namespace
{

std::string complaint(const std::string &text)
{
    try {
        parse_conf(text, "vgpu.conf");
    } catch (const Error &error) {
        return error.what();
    }
    return "";
}

TEST(Conf, HasDefaults)
{
    const Conf conf = parse_conf("", "vgpu.conf");
    EXPECT_EQ(conf.auth.method, wire::AuthConfig::Method::munge);
    EXPECT_EQ(conf.vgpuctld_port, 6827);
    EXPECT_EQ(conf.vgpud_port, 6828);
    EXPECT_EQ(conf.vgpud_socket, "/run/vgpu/vgpud.sock");
    EXPECT_EQ(conf.lease_timeout, 60U);
    EXPECT_EQ(conf.slices_per_device, 8U);
    EXPECT_FALSE(conf.node_name.empty());
    EXPECT_EQ(conf.node_name.find('.'), std::string::npos);
}

TEST(Conf, ReadsWhatSlurmAdminsWrite)
{
    const Conf conf = parse_conf(
        "# GPUs\nvgpuctldhost=ctl VgpuctldPort=7000\nDefaultMemory=4G \\\n DefaultCores=25%\n"
        "NodeName=gpu7 LeaseTimeout=2min\n",
        "vgpu.conf");
    EXPECT_EQ(conf.vgpuctld_host, "ctl");
    EXPECT_EQ(conf.vgpuctld_port, 7000);
    EXPECT_EQ(conf.default_memory, 4ULL << 30);
    EXPECT_EQ(conf.default_cores, 25U);
    EXPECT_EQ(conf.node_name, "gpu7");
    EXPECT_EQ(conf.lease_timeout, 120U);
}

TEST(Conf, RefusesWithFileAndLine)
{
    EXPECT_NE(complaint("\nGpus=4\n").find("vgpu.conf:2"), std::string::npos)
        << complaint("\nGpus=4\n");
    for (const char *bad :
         {"VgpudPort=70000", "VgpudPort=-1", "VgpuctldPort=0", "SlicesPerDevice=0",
          "MaxSessions=129", "RingSize=2K", "RingSize=5K", "RingSize=128M", "LeaseTimeout=0",
          "DefaultCores=101", "DefaultMemory=banana", "AuthType=none", "Channel=pigeon",
          "AuthType=key", "DebugLevel=chatty"})
        EXPECT_NE(complaint(bad).find("vgpu.conf:1"), std::string::npos)
            << bad << ": " << complaint(bad);
}

TEST(Conf, RefusesAFileThatIsNotThere)
{
    EXPECT_THROW(load_conf("/nonexistent/vgpu.conf"), Error);
}

TEST(Conf, DocumentsEveryOption)
{
    for (const Option &option : conf_table())
        EXPECT_GT(std::string(option.doc).size(), 20U) << option.key;
}

TEST(Conf, ADaemonTakesTheEnvironmentAndTheCommandLineToo)
{
    const std::string path = ::testing::TempDir() + "vgpu-conf-test.conf";
    std::ofstream(path) << "SlicesPerDevice=2 LeaseTimeout=30 VgpudPort=7000\n";
    setenv("VGPU_CONF_LEASE_TIMEOUT", "40", 1);
    setenv("VGPU_CONF_VGPUD_PORT", "7001", 1);
    Conf conf = load_daemon_conf(path, {{"--vgpud-port", "7002"}});
    EXPECT_EQ(conf.slices_per_device, 2U);
    EXPECT_EQ(conf.lease_timeout, 40U);
    EXPECT_EQ(conf.vgpud_port, 7002);
    EXPECT_EQ(load_conf(path).vgpud_port, 7000); // the user's environment is not asked
    EXPECT_THROW(load_daemon_conf(path, {{"--vgpud-port", "banana"}}), Error);
    unsetenv("VGPU_CONF_LEASE_TIMEOUT");
    unsetenv("VGPU_CONF_VGPUD_PORT");
    unlink(path.c_str());
}

} // namespace

} // namespace vgpu::control
