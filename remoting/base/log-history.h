// SPDX-License-Identifier: Apache-2.0
// What a CUDA driver has said lately, for programs that ask it (cuLogs*): the same buffer,
// iterators and truncation as cuda.h describes. The client and the software GPU put their lines
// here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace vgpu
{

class LogHistory
{
public:
    // As cuda.h has them: CUlogLevel and CUlogsCallback.
    enum Level : int { error = 0, warning = 1 };
    using Callback = void (*)(void *data, int level, char *message, size_t length);

    // Never deleted: lines may come while the process exits.
    static LogHistory &get();

    void add(Level level, std::string_view line) noexcept;

    // The handle is valid until it is unregistered.
    void *add_callback(Callback callback, void *data);
    bool remove_callback(void *handle); // false: there is none such

    // The number that the next line will have.
    uint32_t end() const;

    // What there is from `*from` on (null: all) as lines, at most `most` bytes; the latest ones if
    // those are too many. `*from` becomes the end. `complete` is false where lines were left out.
    std::string text(uint32_t *from, size_t most, bool &complete);

    // The two ways in which CUDA hands it out. False for what the caller did wrong.
    bool dump(uint32_t *from, const char *path);
    bool dump(uint32_t *from, char *buffer, size_t *size);

private:
    struct Entry {
        Callback callback;
        void *data;
    };

    mutable std::mutex mutex_;
    std::deque<std::string> lines_;
    size_t bytes_ = 0;   // of them, with their ends
    uint32_t first_ = 0; // the number of lines_[0]
    std::list<std::shared_ptr<const Entry>> callbacks_;
};

} // namespace vgpu
