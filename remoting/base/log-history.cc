// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/log-history.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace vgpu
{
namespace
{

constexpr size_t kMost = 25600; // what cuda.h says of the driver's buffer
constexpr std::string_view kTruncated = "(older lines were dropped)\n";

} // namespace

LogHistory &LogHistory::get()
{
    static LogHistory &history = *new LogHistory;
    return history;
}

void LogHistory::add(Level level, std::string_view line) noexcept
try {
    std::vector<std::shared_ptr<const Entry>> told;
    {
        std::lock_guard lock(mutex_);
        lines_.emplace_back(line);
        bytes_ += line.size() + 1;
        while (bytes_ > kMost && lines_.size() > 1) {
            bytes_ -= lines_.front().size() + 1;
            lines_.pop_front();
            first_++;
        }
        told.assign(callbacks_.begin(), callbacks_.end());
    }
    // Without the lock: a callback may ask for more.
    std::string message(line);
    for (const auto &entry : told)
        entry->callback(entry->data, level, message.data(), message.size());
} catch (const std::exception &) {
    // no memory for it: the line itself was printed
}

void *LogHistory::add_callback(Callback callback, void *data)
{
    auto entry = std::make_shared<const Entry>(Entry{callback, data});
    std::lock_guard lock(mutex_);
    callbacks_.push_back(entry);
    return const_cast<Entry *>(entry.get());
}

bool LogHistory::remove_callback(void *handle)
{
    std::lock_guard lock(mutex_);
    return callbacks_.remove_if([&](const auto &entry) { return entry.get() == handle; }) > 0;
}

uint32_t LogHistory::end() const
{
    std::lock_guard lock(mutex_);
    return first_ + uint32_t(lines_.size());
}

std::string LogHistory::text(uint32_t *from, size_t most, bool &complete)
{
    std::lock_guard lock(mutex_);
    const uint32_t last = first_ + uint32_t(lines_.size());
    // Numbers wrap around: one that is not among those that are here was dropped or never given.
    uint32_t skipped = from ? *from - first_ : 0;
    complete = skipped <= lines_.size() && (from || first_ == 0);
    size_t begin = skipped <= lines_.size() ? skipped : 0;
    size_t bytes = 0;
    for (size_t i = begin; i < lines_.size(); ++i)
        bytes += lines_[i].size() + 1;
    for (; begin < lines_.size() && bytes + (complete ? 0 : kTruncated.size()) > most; ++begin) {
        bytes -= lines_[begin].size() + 1;
        complete = false;
    }
    std::string text;
    if (!complete && bytes)
        text = kTruncated;
    for (; begin < lines_.size(); ++begin)
        text += lines_[begin] + '\n';
    if (from)
        *from = last;
    return text;
}

bool LogHistory::dump(uint32_t *from, const char *path)
{
    FILE *file = path ? std::fopen(path, "we") : nullptr;
    if (!file)
        return false;
    bool complete;
    const std::string all = text(from, SIZE_MAX, complete);
    const bool written = std::fwrite(all.data(), 1, all.size(), file) == all.size();
    return std::fclose(file) == 0 && written;
}

bool LogHistory::dump(uint32_t *from, char *buffer, size_t *size)
{
    if (!buffer || !size || *size == 0)
        return false;
    bool complete;
    const std::string all = text(from, *size - 1, complete);
    *size = all.size();
    all.copy(buffer, all.size());
    buffer[all.size()] = '\0';
    return complete || !all.empty();
}

} // namespace vgpu
