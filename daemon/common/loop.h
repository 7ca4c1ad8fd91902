// SPDX-License-Identifier: Apache-2.0
// libuv's handles as owners: what is watched stops being watched when its object goes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <uv.h>

namespace vgpu::control
{

/// Watches a descriptor that somebody else owns and closes later.
class Poll
{
public:
    using Ready = std::function<void(int events)>; // UV_READABLE, UV_WRITABLE, UV_DISCONNECT

    Poll(uv_loop_t *loop, int fd, Ready ready);
    ~Poll();
    Poll(const Poll &) = delete;
    Poll &operator=(const Poll &) = delete;

    void watch(int events); // 0: nothing

private:
    struct Handle;
    Handle *handle_; // freed by libuv's close callback, after this object is gone
};

/// Calls back once, or again and again.
class Timer
{
public:
    Timer(uv_loop_t *loop, uint64_t first_ms, uint64_t repeat_ms, std::function<void()> due);
    ~Timer();
    Timer(const Timer &) = delete;
    Timer &operator=(const Timer &) = delete;

private:
    struct Handle;
    Handle *handle_;
};

/// Calls back for each arrival of a signal.
class Signal
{
public:
    Signal(uv_loop_t *loop, int number, std::function<void()> arrived);
    ~Signal();
    Signal(const Signal &) = delete;
    Signal &operator=(const Signal &) = delete;

private:
    struct Handle;
    Handle *handle_;
};

/// Runs `work` on libuv's threads, for what blocks, then `done` on the loop's.
void off_loop(uv_loop_t *loop, std::function<void()> work, std::function<void()> done);

} // namespace vgpu::control
