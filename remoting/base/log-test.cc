// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/log.h"
#include "remoting/base/options.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

namespace vgpu
{

struct Line {
    Level level;
    std::string text;
};

class Log : public testing::Test
{
protected:
    void SetUp() override
    {
        set_log_sink([this](Level level, std::string_view text) {
            lines_.push_back({level, std::string(text)});
        });
    }
    void TearDown() override
    {
        set_log_sink({});
        set_log_level(Level::warning);
        unsetenv("VGPU_LOG_FILE");
    }
    std::vector<Line> lines_;
};

TEST_F(Log, LevelsAreFiltered)
{
    set_log_level(Level::warning);
    log(Level::info, "unheard");
    log(Level::warning, "heard %d", 1);
    log(Level::error, "heard %d", 2);
    ASSERT_EQ(lines_.size(), 2u);
    EXPECT_EQ(lines_[0].level, Level::warning);
    EXPECT_EQ(lines_[0].text, "heard 1");
    EXPECT_EQ(lines_[1].text, "heard 2");
    EXPECT_FALSE(logs(Level::debug));
}

TEST_F(Log, KeepsErrnoAndCutsLongLines)
{
    errno = ENOENT;
    log(Level::error, "%s", std::string(100'000, 'x').c_str());
    EXPECT_EQ(errno, ENOENT);
    ASSERT_EQ(lines_.size(), 1u);
    EXPECT_GT(lines_[0].text.size(), 1000u);
    EXPECT_LT(lines_[0].text.size(), 2048u);
}

TEST_F(Log, GoesToTheFileThatIsNamed)
{
    std::string path = testing::TempDir() + "vgpu-log-test." + std::to_string(getpid());
    setenv("VGPU_LOG_FILE", path.c_str(), 1);
    set_log_sink({});
    log(Level::error, "one");
    log(Level::error, "%s", std::string(5000, 'y').c_str());
    std::string content = read_file(path, 1 << 20);
    unlink(path.c_str());
    EXPECT_EQ(content.substr(0, 23), "slurm-vgpu: error: one\n");
    EXPECT_EQ(content.back(), '\n');
}

TEST(LogLevel, Names)
{
    for (Level level : {Level::debug, Level::info, Level::warning, Level::error}) {
        Level parsed{};
        EXPECT_TRUE(parse_level(level_name(level), parsed));
        EXPECT_EQ(parsed, level);
    }
    Level level = Level::info;
    EXPECT_FALSE(parse_level("loud", level));
    EXPECT_EQ(level, Level::info);
}

} // namespace vgpu
