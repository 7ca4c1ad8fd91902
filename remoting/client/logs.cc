// SPDX-License-Identifier: Apache-2.0
// cuLogs*: what this side has said to the program, warnings and errors. The worker's driver writes
// its own log, on its own node.
#include "remoting/client/logs.h"
#include "remoting/client/entry.h"

#include "remoting/base/log-history.h"
#include "remoting/base/log.h"

namespace vgpu::client
{

void remember_logs() noexcept
{
    set_log_listener([](Level level, std::string_view line) {
        LogHistory::get().add(level == Level::error ? LogHistory::error : LogHistory::warning,
                              line);
    });
}

} // namespace vgpu::client

#if CUDA_VERSION >= 12090

namespace
{

using namespace vgpu::client;

// Needs no session: why there is none may be what is looked for.
template<class Body>
CUresult with_history(bool right, Body &&body) noexcept
{
    if (!right)
        return CUDA_ERROR_INVALID_VALUE;
    try {
        remember_logs();
        return body(vgpu::LogHistory::get()) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    } catch (...) {
        return caught();
    }
}

} // namespace

VGPU_ENTRY cuLogsRegisterCallback(CUlogsCallback function, void *data, CUlogsCallbackHandle *handle)
{
    return with_history(function, [&](vgpu::LogHistory &history) {
        void *got =
            history.add_callback(reinterpret_cast<vgpu::LogHistory::Callback>(function), data);
        if (handle)
            *handle = static_cast<CUlogsCallbackHandle>(got);
        return true;
    });
}

VGPU_ENTRY cuLogsUnregisterCallback(CUlogsCallbackHandle handle)
{
    return with_history(handle,
                        [&](vgpu::LogHistory &history) { return history.remove_callback(handle); });
}

VGPU_ENTRY cuLogsCurrent(CUlogIterator *iterator, unsigned flags)
{
    return with_history(iterator && flags == 0, [&](vgpu::LogHistory &history) {
        *iterator = history.end();
        return true;
    });
}

VGPU_ENTRY cuLogsDumpToFile(CUlogIterator *iterator, const char *path, unsigned flags)
{
    return with_history(path && flags == 0,
                        [&](vgpu::LogHistory &history) { return history.dump(iterator, path); });
}

VGPU_ENTRY cuLogsDumpToMemory(CUlogIterator *iterator, char *buffer, size_t *size, unsigned flags)
{
    return with_history(flags == 0, [&](vgpu::LogHistory &history) {
        return history.dump(iterator, buffer, size);
    });
}

#endif
