// SPDX-License-Identifier: Apache-2.0
// What this process knows of the handles it was given.
#pragma once

#include "remoting/client/jit-options.h"

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace vgpu::client
{

struct Stream {
    uint64_t context = 0;
    int device = 0;
    unsigned flags = 0;
    int priority = 0;
    // Up to which request all that was sent for it is known to be done. Partner: is_past().
    std::atomic<uint64_t> done{0};
};

// What the worker says of an event, when it says it.
struct EventAnswer {
    std::atomic<int> result{-1}; // CUresult; partner: cuEventQuery() in every thread
};

struct Event {
    uint64_t context = 0;
    unsigned flags = 0;
    bool opened = false; // another process's

    // Others may record it too, so only the worker knows how it is; and what is done with it is
    // told to them by ways that we do not see, so it has to have been done when a call returns.
    bool shared() const { return (flags & CU_EVENT_INTERPROCESS) != 0; }

    std::mutex mutex; // of all below
    CUstream stream = nullptr;
    uint64_t sequence = 0;  // of the latest recording or a later request; 0: never recorded
    uint64_t done = 0;      // a recording up to this one is known to be done
    uint64_t looked_ns = 0; // when it was recorded, or the worker was last asked
    std::shared_ptr<EventAnswer> asked; // what was asked since
    bool captured = false;              // perhaps: the worker knows
};

inline bool is_recorded(Event &event)
{
    std::lock_guard lock(event.mutex);
    return event.sequence != 0;
}

// What the launches of before CUDA 4 keep with a function.
struct OldLaunch {
    unsigned block[3] = {};
    unsigned shared = 0;
    std::vector<std::byte> parameters;
};

// A function or a kernel: everything a launch or a question about it needs (vgpuFunctionInfo).
struct Function {
    struct Parameter {
        uint64_t offset;
        uint64_t size;
    };

    uint64_t id = 0;
    uint64_t owner = 0;   // module or library
    uint64_t kernel = 0;  // the kernel this function was made from, 0 if none
    uint64_t context = 0; // of a function; a kernel belongs to none
    std::string name;

    // What the worker says of it, fetched at first need by describe(). `described` is written last;
    // partner: describe().
    std::mutex mutex; // of the fetching, of `occupancy` and of `old_launch`
    std::atomic<bool> described{false};
    std::vector<Parameter> parameters;
    uint64_t parameter_bytes = 0; // where the last one ends

    std::vector<std::atomic<int32_t>>
        attributes; // CU_FUNC_ATTRIBUTE_* at its number, INT32_MIN where there is none
    int attribute(CUfunction_attribute number) const noexcept
    {
        return size_t(number) < attributes.size()
                   ? attributes[number].load(std::memory_order_relaxed)
                   : INT32_MIN;
    }

    // Answers of the occupancy calls: (block size, dynamic shared memory, flags) -> blocks.
    std::map<std::tuple<int, uint64_t, unsigned>, int> occupancy;
    OldLaunch old_launch;
};

// An array, a level of a mipmapped one, or a plane of one that has several.
struct Array {
    uint64_t context = 0;
    uint64_t owner = 0; // the mipmapped array or array that it is a part of, 0 if none
    CUDA_ARRAY3D_DESCRIPTOR description{};
    unsigned element = 0; // bytes; 0 if only the driver knows

    std::mutex mutex;
    std::map<unsigned, uint64_t> planes;
};

struct Mipmap {
    uint64_t context = 0;
    CUDA_ARRAY3D_DESCRIPTOR description{};
    unsigned levels = 1;

    std::mutex mutex;
    std::map<unsigned, uint64_t> arrays; // by level, those that were asked for
};

// A module or a library.
struct Code {
    struct Global {
        CUdeviceptr address;
        size_t bytes;
    };

    uint64_t context = 0; // of a module; a library belongs to none
    uint64_t library = 0; // the library this module is of, 0 if none
    std::mutex mutex;
    std::map<std::string, uint64_t> functions;                  // by name
    std::map<std::pair<std::string, uint64_t>, Global> globals; // by name and context
    std::map<std::pair<std::string, uint64_t>, Global> managed; // the same of managed variables
    std::map<std::pair<uint64_t, uint64_t>, uint64_t>
        per_context; // kernel or 0, context -> function or module
};

// A node of a graph whose parameters were given here. What they point to is in here too.
struct GraphNode {
    uint64_t graph = 0;
    CUgraphNodeParams parameters{};
    std::vector<std::byte> packed; // a kernel's parameters
    std::vector<void *> pointers;  // to each of them
    std::vector<CUgraph> bodies;   // of a conditional node
    std::vector<CUstreamBatchMemOpParams> operations;
    std::vector<CUmemAccessDesc> access;
};

// A green context is known by the context that was made of it.
struct GreenContext {
    uint64_t context = 0;
};

// What a texture or surface reference was given last: one of these, or memory.
struct LooksAt {
    CUarray array = nullptr;
    CUmipmappedArray mipmap = nullptr;
};

// An executable graph.
struct GraphExec {
    bool asks = false;       // a launch may call functions here, or want memory of this process
    bool has_memory = false; // of its own, so that a launch may be refused
};

// What was set of streams' attributes: by context, stream and attribute, since the driver's own
// streams are in each context.
struct StreamAttributes {
    std::mutex mutex;
    std::map<std::tuple<uint64_t, uint64_t, int>, CUstreamAttrValue> values;
};

// What asked to be told of a device's memory budget: (handle, device).
struct Notifications {
    std::mutex mutex;
    uint64_t last = 0;
    std::set<std::pair<uint64_t, int>> there;
};

// A linker at work on the worker.
struct Link {
    uint64_t context = 0;
    std::mutex mutex; // of all below
    JitPlan plan;     // its logs are filled by each call
    std::string image;
};

} // namespace vgpu::client
