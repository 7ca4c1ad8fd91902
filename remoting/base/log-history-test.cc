// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/log-history.h"

#include <gtest/gtest.h>

using vgpu::LogHistory;

namespace
{

std::string dumped(LogHistory &history, uint32_t *from, size_t room, bool *ok = nullptr)
{
    std::string buffer(room, 'x');
    size_t size = room;
    bool done = history.dump(from, buffer.data(), &size);
    if (ok)
        *ok = done;
    EXPECT_EQ(buffer[size], '\0');
    buffer.resize(size);
    return buffer;
}

TEST(LogHistory, AnIteratorGoesOnWhereItWas)
{
    LogHistory history;
    history.add(LogHistory::error, "one");
    uint32_t at = history.end();
    EXPECT_EQ(dumped(history, &at, 100), "");
    history.add(LogHistory::warning, "two");
    history.add(LogHistory::error, "three");
    EXPECT_EQ(dumped(history, &at, 100), "two\nthree\n");
    EXPECT_EQ(dumped(history, &at, 100), "");
    EXPECT_EQ(dumped(history, nullptr, 100), "one\ntwo\nthree\n");
}

TEST(LogHistory, TheLatestLinesAreGivenWhereNotAllFit)
{
    LogHistory history;
    for (int i = 0; i < 50; ++i)
        history.add(LogHistory::error, "line " + std::to_string(i));
    std::string some = dumped(history, nullptr, 50);
    EXPECT_EQ(some.substr(0, 1), "(");
    EXPECT_TRUE(some.ends_with("line 49\n"));
    bool ok = true;
    EXPECT_EQ(dumped(history, nullptr, 5, &ok), "");
    EXPECT_FALSE(ok);
}

TEST(LogHistory, ItsMemoryIsBoundedAndItSaysWhatWasLost)
{
    LogHistory history;
    uint32_t begin = history.end();
    for (int i = 0; i < 1000; ++i)
        history.add(LogHistory::error, std::string(100, 'a'));
    std::string all = dumped(history, &begin, 100'000);
    EXPECT_LE(all.size(), 26'000u);
    EXPECT_EQ(all.substr(0, 1), "(");
    EXPECT_EQ(begin, 1000u);
}

TEST(LogHistory, CallbacksAreCalledUntilTheyAreTakenBack)
{
    LogHistory history;
    std::string heard;
    void *handle = history.add_callback(
        [](void *data, int level, char *message, size_t length) {
            *static_cast<std::string *>(data) +=
                std::to_string(level) + std::string(message, length);
        },
        &heard);
    history.add(LogHistory::warning, "w");
    history.add(LogHistory::error, "e");
    EXPECT_TRUE(history.remove_callback(handle));
    EXPECT_FALSE(history.remove_callback(handle));
    history.add(LogHistory::error, "no more");
    EXPECT_EQ(heard, "1w0e");
}

} // namespace
