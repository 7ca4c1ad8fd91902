// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/error.h"
#include "remoting/base/options.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace vgpu
{

using Type = Option::Type;

static constexpr Option kTable[] = {
    {"NodeName", "VGPU_TEST_NODE", "--node", "", "Name of this node.", Type::string},
    {"Memory", nullptr, "--mem", "1G", "Memory of a slice.", Type::size},
    {"Port", nullptr, nullptr, "7070", "Where it listens.", Type::integer, nullptr, 1, 65535},
    {"Cores", nullptr, nullptr, "", "Share.", Type::percent},
    {"Encrypt", nullptr, nullptr, "no", "Seals streams.", Type::boolean},
    {"Timeout", nullptr, nullptr, "30s", "Patience.", Type::duration, nullptr, 1},
    {"Channel", "VGPU_TEST_CHANNEL", "--channel", "auto", "How.", Type::choice, "auto|shm|tcp"},
    {"State", nullptr, nullptr, "", "Where state is kept.", Type::path},
    {"Address", nullptr, nullptr, "", "Of the controller.", Type::hostport},
};

static std::string refusal(const std::string &text)
{
    Options options(kTable);
    try {
        options.load_text(text, "vgpu.conf");
    } catch (const Error &error) {
        return error.what();
    }
    return "accepted";
}

TEST(Options, DefaultsHold)
{
    Options options(kTable);
    EXPECT_EQ(options.size("Memory"), 1ull << 30);
    EXPECT_EQ(options.integer("port"), 7070);
    EXPECT_FALSE(options.boolean("Encrypt"));
    EXPECT_FALSE(options.is_set("NodeName"));
    EXPECT_EQ(options.percent("Cores"), 0u);
    EXPECT_EQ(options.source("Memory"), "default");
}

TEST(Options, FileInSlurmsForm)
{
    Options options(kTable);
    options.load_text("# a comment\n"
                      "NODENAME=gpu1 memory=4G   # two on a line\n"
                      "\n"
                      "Port=1 \\\n"
                      "   Encrypt=yes\r\n"
                      "State=\"/var/lib/a b#c\"\\\n"
                      " Address=[::1]:80",
                      "vgpu.conf");
    EXPECT_EQ(options.string("NodeName"), "gpu1");
    EXPECT_EQ(options.size("Memory"), 4ull << 30);
    EXPECT_EQ(options.integer("Port"), 1);
    EXPECT_TRUE(options.boolean("Encrypt"));
    EXPECT_EQ(options.string("State"), "/var/lib/a b#c");
    EXPECT_EQ(options.hostport("Address").host, "::1");
    EXPECT_EQ(options.source("Encrypt"), "vgpu.conf:5");
}

TEST(Options, BadFilesNameTheLine)
{
    EXPECT_EQ(refusal("\nColour=red\n"), "vgpu.conf:2: unknown key 'Colour'");
    EXPECT_EQ(refusal("Port=1\n\nport=2\n"), "vgpu.conf:3: Port is given again (first in line 1)");
    EXPECT_EQ(refusal("Memory=banana"),
              "vgpu.conf:1: Memory: 'banana' is not a size: expected a number and a unit, such as "
              "512M or 4G");
    EXPECT_EQ(refusal("Channel=rdma"), "vgpu.conf:1: Channel: 'rdma' is not one of auto|shm|tcp");
    EXPECT_EQ(refusal("Channel=aut"), "vgpu.conf:1: Channel: 'aut' is not one of auto|shm|tcp");
    EXPECT_EQ(refusal("State=var"), "vgpu.conf:1: State: 'var' is not an absolute path");
    EXPECT_EQ(refusal("NodeName gpu1"), "vgpu.conf:1: expected Key=Value instead of 'NodeName'");
    EXPECT_EQ(refusal("=gpu1"), "vgpu.conf:1: no key before '='");
    EXPECT_EQ(refusal("NodeName=\"gpu1"),
              "vgpu.conf:1: a quotation mark is not closed on its line");
    EXPECT_EQ(refusal("NodeName=\"gpu1\"x"),
              "vgpu.conf:1: text right after a closing quotation mark");
    EXPECT_EQ(refusal("NodeName=a\"b"),
              "vgpu.conf:1: a quotation mark inside a value: quote all of it");
    EXPECT_EQ(refusal(std::string("NodeName=a\0b", 12)),
              "vgpu.conf:1: NodeName: NodeName holds a NUL byte");
    EXPECT_EQ(refusal("Memory="), "vgpu.conf:1: Memory: '' is not a size: expected a number and a "
                                  "unit, such as 512M or 4G");
}

TEST(Options, BoundsAreTheTables)
{
    EXPECT_EQ(refusal("Port=0"), "vgpu.conf:1: Port: '0' is out of range: expected 1 to 65535");
    EXPECT_EQ(refusal("Port=65536"),
              "vgpu.conf:1: Port: '65536' is out of range: expected 1 to 65535");
    EXPECT_EQ(refusal("Timeout=999ms"),
              "vgpu.conf:1: Timeout: '999ms' is out of range: expected at least 1s");
    EXPECT_EQ(refusal("Timeout=1000ms Port=1"), "accepted");
    EXPECT_EQ(refusal("Timeout=300d"), "accepted");
}

TEST(Options, AnyErrorIsTheSameButForItsSource)
{
    static constexpr Option kPort[] = {
        {"Port", "VGPU_TEST_PORT", "-p,--port", "", "", Type::integer, nullptr, 1, 9}};
    const std::string why = "'10' is out of range: expected 1 to 9";
    auto refused = [](auto function) {
        Options options(kPort);
        try {
            function(options);
        } catch (const Error &error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    setenv("VGPU_TEST_PORT", "10", 1);
    EXPECT_EQ(refused([](Options &o) { o.load_environment(); }), "VGPU_TEST_PORT: " + why);
    EXPECT_EQ(refused([](Options &) { variable(kPort[0]); }), "VGPU_TEST_PORT: " + why);
    EXPECT_EQ(refused([](Options &o) { o.set_argument("-p,--port", "10"); }), "--port: " + why);
    EXPECT_EQ(refused([](Options &o) { o.load_text("port=10", "f"); }), "f:1: Port: " + why);
    setenv("VGPU_TEST_PORT", "5", 1);
    EXPECT_EQ(variable(kPort[0]), "5");
    unsetenv("VGPU_TEST_PORT");
    EXPECT_EQ(variable(kPort[0]), "");
}

TEST(Options, EnvironmentThenCommandLine)
{
    setenv("VGPU_TEST_NODE", "from-environment", 1);
    setenv("VGPU_TEST_CHANNEL", "", 1);
    Options options(kTable);
    options.load_text("NodeName=from-file Channel=tcp", "f");
    options.load_environment();
    EXPECT_EQ(options.string("NodeName"), "from-environment");
    EXPECT_EQ(options.string("Channel"), "tcp"); // an empty variable says nothing
    options.set_argument("--node", "from-argument");
    EXPECT_EQ(options.string("NodeName"), "from-argument");
    EXPECT_EQ(options.source("NodeName"), "--node");
    unsetenv("VGPU_TEST_NODE");
    unsetenv("VGPU_TEST_CHANNEL");
}

TEST(Options, BadArgumentsNameTheirSource)
{
    Options options(kTable);
    auto refused = [&](auto function) {
        try {
            function();
        } catch (const Error &error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused([&] { options.set_argument("--mem", "x"); }).substr(0, 20),
              "--mem: 'x' is not a ");
    EXPECT_EQ(refused([&] { options.set_argument("--nope", "x"); }), "unknown option '--nope'");
    EXPECT_EQ(refused([&] { options.set("Nope", "x", "here"); }), "here: unknown key 'Nope'");
    setenv("VGPU_TEST_CHANNEL", "carrier-pigeon", 1);
    EXPECT_EQ(refused([&] { options.load_environment(); }),
              "VGPU_TEST_CHANNEL: 'carrier-pigeon' is not one of auto|shm|tcp");
    unsetenv("VGPU_TEST_CHANNEL");
    EXPECT_NE(refused([&] {
                  options.load_file("/nonexistent/vgpu.conf");
              }).find("/nonexistent/vgpu.conf: No such file"),
              std::string::npos);
}

TEST(Options, WrongUseIsABug)
{
    Options options(kTable);
    EXPECT_THROW(options.size("Port"), std::logic_error);
    EXPECT_THROW(options.string("Nope"), std::logic_error);
    static constexpr Option kBad[] = {{"X", nullptr, nullptr, "banana", "", Type::size}};
    EXPECT_THROW((Options{kBad}), Error);
}

TEST(Options, TheManualComesFromTheTable)
{
    std::string manual = manual_text(kTable, ManualStyle::keys);
    EXPECT_NE(manual.find(".It Cm Memory Ns = Ns Ar size\nMemory of a slice.\nDefault: 1G.\n"
                          "Its command line:\n.Fl \\-mem .\n"),
              std::string::npos)
        << manual;
    EXPECT_NE(manual.find("Ar number\nWhere it listens.\nPossible: 1 to 65535.\n"),
              std::string::npos)
        << manual;
    static constexpr Option kCommand[] = {
        {"loop", nullptr, "-l,--loop", "", "Again.", Type::duration},
        {"json", nullptr, "--json", "", "As JSON.", Type::flag},
        {"X", "VGPU_X", nullptr, "a", "What.", Type::choice, "a|b"},
    };
    EXPECT_EQ(manual_text(kCommand, ManualStyle::commands),
              ".It Fl l , \\-loop Ar duration\nAgain.\n.It Fl \\-json\nAs JSON.\n");
    EXPECT_EQ(manual_text(kCommand, ManualStyle::variables),
              ".It Ev VGPU_X\nWhat.\nOne of\n.Cm a|b .\nDefault: a.\n");
    for (const Option &option : kTable)
        EXPECT_NE(manual.find(option.key), std::string::npos);
}

} // namespace vgpu
