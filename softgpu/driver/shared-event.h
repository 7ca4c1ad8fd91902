// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace vgpu::soft::driver
{

/// The recordings of an event that several processes have, in a memory file that all of them map:
/// it counts them, and while one is under way, its byte is locked by the process that recorded it.
/// So the kernel is who wakes those that wait, also when that process ends without having come so
/// far: what it was going to do will never be done, and nobody waits for it any more.
class SharedEvent : public std::enable_shared_from_this<SharedEvent>
{
public:
    static std::shared_ptr<SharedEvent> make();
    /// Another process's, which has it open under that number. Null if that is not it.
    static std::shared_ptr<SharedEvent> open(int pid, int descriptor, const std::string &token);
    ~SharedEvent();
    SharedEvent(const SharedEvent &) = delete;
    SharedEvent &operator=(const SharedEvent &) = delete;

    int descriptor() const { return own_; }
    const std::string &token() const { return token_; } ///< 32 hexadecimal digits

    /// A recording of this process, under way until it is finished or nobody has it any more.
    class Recording
    {
    public:
        Recording(std::shared_ptr<SharedEvent> event, uint64_t number);
        ~Recording() { finish(); }
        Recording(const Recording &) = delete;
        Recording &operator=(const Recording &) = delete;

        const uint64_t number;
        void finish();

    private:
        std::shared_ptr<SharedEvent> event_;
    };

    std::shared_ptr<Recording> begin(); ///< the latest one from here on
    uint64_t last() const;              ///< the number of the latest; 0 if there was none
    bool reached(uint64_t number) const;
    void wait(uint64_t number) const;

private:
    struct Page;

    explicit SharedEvent(int descriptor) : own_(descriptor) {}
    void map(); ///< throws INVALID_VALUE for a file that is none of these

    int own_;        ///< to record by
    int other_ = -1; ///< the same file, but not the same holder of locks: to wait by
    Page *page_ = nullptr;
    std::string token_;
};

} // namespace vgpu::soft::driver
