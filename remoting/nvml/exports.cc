// SPDX-License-Identifier: Apache-2.0
// Every function that NVIDIA's library exports, by the list of nvml.api.
#include "config.h"

#include "remoting/nvml/library.h"

#include "remoting/base/log.h"

#include <exception>
#include <mutex>
#include <new>

using namespace vgpu::nvml;

namespace
{

// None of our exceptions leaves the library.
template<class Body>
Result guarded(const char *name, Body &&body) noexcept
{
    try {
        return body();
    } catch (const Answer &answer) {
        return answer.result;
    } catch (const std::bad_alloc &) {
        return kMemoryExhausted;
    } catch (const std::exception &error) {
        vgpu::log(vgpu::Level::error, "%s: %s", name, error.what());
        return kUnknown;
    }
}

Result started() noexcept
{
    return guarded("libnvidia-ml",
                   [] { return Library::get().started() ? kSuccess : kUninitialized; });
}

} // namespace

#define NVML_ALWAYS(name, parameters, body)                                                        \
    extern "C" [[gnu::visibility("default")]] Result name parameters                               \
    {                                                                                              \
        return guarded(#name, [&] { return body; });                                               \
    }

#define NVML_EXPORT(name, parameters, body)                                                        \
    extern "C" [[gnu::visibility("default")]] Result name parameters                               \
    {                                                                                              \
        const Result result = started();                                                           \
        return result == kSuccess ? guarded(#name, [&] { return body; }) : result;                 \
    }

// Its arguments stay where the caller put them.
#define NVML_REFUSED(name)                                                                         \
    extern "C" [[gnu::visibility("default")]] Result name()                                        \
    {                                                                                              \
        const Result result = started();                                                           \
        return result == kSuccess ? kNotSupported : result;                                        \
    }

#include "remoting/nvml/exports.inc"

// What nvidia-smi asks for first: tables of functions that no header describes. There are none, and
// it would say no more than that its version is not the library's.
extern "C" [[gnu::visibility("default")]] Result nvmlInternalGetExportTable()
{
    static std::once_flag said;
    std::call_once(said, [] {
        vgpu::log(vgpu::Level::error,
                  "libnvidia-ml: nvidia-smi works through a part of NVML that NVIDIA does not "
                  "describe, and which a vgpu has not: use vgpu-smi (or nvtop, pynvml)");
    });
    return kNotSupported;
}

// By this vgpud tells the library from the vendor's own, which it must not mistake it for.
extern "C" [[gnu::visibility("default")]] const char vgpuManagementVersion[] = PACKAGE_VERSION;

extern "C" [[gnu::visibility("default")]] const char *nvmlErrorString(Result result)
{
    switch (int(result)) {
    case kSuccess:
        return "The operation was successful";
    case kUninitialized:
        return "The library is not initialised: call nvmlInit_v2 first";
    case kInvalidArgument:
        return "An argument is invalid";
    case kNotSupported:
        return "Not supported for a slice of a GPU";
    case kNoPermission:
        return "The lease is somebody else's";
    case kNotFound:
        return "Not found";
    case kInsufficientSize:
        return "The buffer is too small";
    case kDriverNotLoaded:
        return "There is no vgpu lease, or the GPU node cannot be reached";
    case kTimeout:
        return "The time is over";
    case kGpuIsLost:
        return "The slice is lost: its lease has ended, or the GPU node cannot be reached";
    case kMemoryExhausted:
        return "Out of memory";
    case kVersionMismatch:
        return "The structure has another version than the function";
    default:
        return "Unknown error";
    }
}
