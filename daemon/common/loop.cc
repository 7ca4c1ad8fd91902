// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/loop.h"

#include <string>

#include "remoting/base/error.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

void check(int status, const char *what)
{
    if (status < 0)
        fail(-status, "%s: %s", what, uv_strerror(status));
}

/// The callback may destroy the very object that called it, so that it runs from a copy.
template<typename Function, typename... Arguments>
void run(const Function &function, Arguments... arguments)
{
    const Function copy = function;
    if (!copy)
        return;
    // libuv is C: nothing may pass through it.
    try {
        copy(arguments...);
    } catch (const std::exception &error) {
        log(Level::error, "%s", error.what());
    }
}

template<typename Handle>
void close(Handle *handle)
{
    handle->call = nullptr;
    uv_close(reinterpret_cast<uv_handle_t *>(&handle->uv),
             [](uv_handle_t *uv) { delete static_cast<Handle *>(uv->data); });
}

} // namespace

struct Poll::Handle {
    uv_poll_t uv;
    Ready call;
};

Poll::Poll(uv_loop_t *loop, int fd, Ready ready)
{
    auto handle = std::make_unique<Handle>();
    handle->call = std::move(ready);
    handle->uv.data = handle.get();
    check(uv_poll_init(loop, &handle->uv, fd), "watching a descriptor");
    handle_ = handle.release();
}

Poll::~Poll()
{
    close(handle_);
}

void Poll::watch(int events)
{
    if (!events) {
        uv_poll_stop(&handle_->uv);
        return;
    }
    check(uv_poll_start(&handle_->uv, events,
                        [](uv_poll_t *uv, int status, int ready) {
                            // An error shows up again, with its name, in the read or write that
                            // follows.
                            const int events = status < 0 ? UV_READABLE | UV_WRITABLE : ready;
                            run(static_cast<Handle *>(uv->data)->call, events);
                        }),
          "watching a descriptor");
}

struct Timer::Handle {
    uv_timer_t uv;
    std::function<void()> call;
};

Timer::Timer(uv_loop_t *loop, uint64_t first_ms, uint64_t repeat_ms, std::function<void()> due)
    : handle_(new Handle{{}, std::move(due)})
{
    handle_->uv.data = handle_;
    uv_timer_init(loop, &handle_->uv);
    uv_update_time(loop);
    uv_timer_start(
        &handle_->uv, [](uv_timer_t *uv) { run(static_cast<Handle *>(uv->data)->call); }, first_ms,
        repeat_ms);
}

Timer::~Timer()
{
    close(handle_);
}

struct Signal::Handle {
    uv_signal_t uv;
    std::function<void()> call;
};

Signal::Signal(uv_loop_t *loop, int number, std::function<void()> arrived)
    : handle_(new Handle{{}, std::move(arrived)})
{
    handle_->uv.data = handle_;
    uv_signal_init(loop, &handle_->uv);
    uv_signal_start(
        &handle_->uv, [](uv_signal_t *uv, int) { run(static_cast<Handle *>(uv->data)->call); },
        number);
}

Signal::~Signal()
{
    close(handle_);
}

void off_loop(uv_loop_t *loop, std::function<void()> work, std::function<void()> done)
{
    struct Job {
        uv_work_t uv;
        std::function<void()> work;
        std::function<void()> done;
    };
    auto job = std::make_unique<Job>(Job{{}, std::move(work), std::move(done)});
    job->uv.data = job.get();
    check(uv_queue_work(
              loop, &job->uv, [](uv_work_t *uv) { static_cast<Job *>(uv->data)->work(); },
              [](uv_work_t *uv, int) {
                  std::unique_ptr<Job> job(static_cast<Job *>(uv->data));
                  run(job->done);
              }),
          "starting a thread");
    job.release();
}

} // namespace vgpu::control
