// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/soft/work.h"

#include "remoting/base/cuda-variables.h"
#include "remoting/base/log.h"

#include <dlfcn.h>
#include <mutex>
#include <set>
#include <string>

namespace vgpu::soft::libs
{
namespace
{

using Work = std::function<void()>;

template<class F>
F entry(const char *name) noexcept
{
    return reinterpret_cast<F>(driver_function(name));
}

void run(void *work)
{
    (*static_cast<Work *>(work))();
}

void run_once(void *work)
{
    std::unique_ptr<Work> owned(static_cast<Work *>(work));
    (*owned)();
}

void forget(void *work)
{
    delete static_cast<Work *>(work);
}

// The graph that the stream is captured into, if it is.
CUgraph captured_into(CUstream stream)
{
    using State = CUresult (*)(CUstream, CUstreamCaptureStatus *, cuuint64_t *, CUgraph *,
                               const CUgraphNode **, size_t *);
    static const auto state = entry<State>("cuStreamGetCaptureInfo_v2");
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    cuuint64_t number;
    CUgraph graph = nullptr;
    if (!state || state(stream, &status, &number, &graph, nullptr, nullptr) != CUDA_SUCCESS)
        return nullptr;
    return status == CU_STREAM_CAPTURE_STATUS_ACTIVE ? graph : nullptr;
}

// The graph owns what it calls, for as long as it or what was made of it lives.
CUresult let_own(CUgraph graph, Work *work)
{
    using Create = CUresult (*)(CUuserObject *, void *, CUhostFn, unsigned, unsigned);
    using Retain = CUresult (*)(CUgraph, CUuserObject, unsigned, unsigned);
    static const auto create = entry<Create>("cuUserObjectCreate");
    static const auto retain = entry<Retain>("cuGraphRetainUserObject");
    CUuserObject object = nullptr;
    if (!create || !retain)
        return CUDA_ERROR_NOT_SUPPORTED;
    CUresult result = create(&object, work, forget, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
    return result == CUDA_SUCCESS ? retain(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE) : result;
}

} // namespace

void *driver_function(const char *name) noexcept
{
    // Whoever loaded it chose the file; straight its name is libcuda.so.1, in the worker its own.
    static void *const driver = [] {
        void *loaded = dlopen("libcuda-soft.so.1", RTLD_LAZY | RTLD_NOLOAD);
        return loaded ? loaded : dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    }();
    return driver ? dlsym(driver, name) : nullptr;
}

CUresult give(CUstream stream, std::function<void()> work)
{
    static const auto launch = entry<CUresult (*)(CUstream, CUhostFn, void *)>("cuLaunchHostFunc");
    if (!launch)
        return CUDA_ERROR_NOT_SUPPORTED;
    auto owned = std::make_unique<Work>(std::move(work));
    CUgraph graph = captured_into(stream);
    if (!graph) {
        CUresult result = launch(stream, run_once, owned.get());
        if (result != CUDA_SUCCESS)
            return result;
        owned.release();
        // As for a kernel; a worker has not that variable, its client waits.
        return launches_block() ? wait(stream) : result;
    }
    CUresult result = let_own(graph, owned.get());
    return result == CUDA_SUCCESS ? launch(stream, run, owned.release()) : result;
}

CUresult wait(CUstream stream) noexcept
{
    static const auto synchronize = entry<CUresult (*)(CUstream)>("cuStreamSynchronize");
    return synchronize ? synchronize(stream) : CUDA_ERROR_NOT_SUPPORTED;
}

void tell_refused(const char *library, const char *name) noexcept
try {
    static auto &mutex = *new std::mutex;
    static auto &told = *new std::set<std::string>;
    std::lock_guard lock(mutex);
    if (told.insert(name).second)
        log(Level::warning, "the software GPU's %s has no %s", library, name);
} catch (...) {
    // Without memory the line is lost, the answer is not.
}

} // namespace vgpu::soft::libs
