// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/session.h"

#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/server/calls.h"

#include <cerrno>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace vgpu::server
{
namespace
{

std::vector<Slice> with_devices(const Driver &driver, std::vector<Slice> slices)
{
    for (Slice &slice : slices)
        driver.check(driver.cuDeviceGet(&slice.device, slice.ordinal), "cuDeviceGet");
    return slices;
}

// Once for each call, whichever thread answers it.
void tell_unsupported(const Driver &driver, api::Call call)
{
    if (call == api::Call::vgpuHostMap || call == api::Call::vgpuManagedMap)
        return; // the client has another way then
    static std::mutex mutex;
    static std::set<api::Call> told;
    std::lock_guard lock(mutex);
    if (told.insert(call).second)
        log(Level::warning, "%s is not supported as it was called: %s has or can do no such thing",
            api::call_name(call), driver.path.c_str());
}

} // namespace

void Request::check_done() const
{
    if (!in.done())
        fail(EPROTO, "call %s: %s", api::call_name(call),
             in.ok() ? "the message is too long" : in.why());
}

Session::Session(const Driver &d, std::vector<Slice> s)
    : driver(d), slices(with_devices(d, std::move(s))), contexts(driver, slices),
      memory(driver, slices, contexts, sharing), physical(driver, slices, memory, sharing),
      handles(contexts, slices, memory), graphs(driver, handles), captures(driver),
      host_memory(driver), mirrors(driver), links(driver), in_staging(driver),
      mirror_staging(driver), out_staging(driver), bulk(driver)
{
    open_throttles();
    sharing.take_over = [this](size_t slice, uint64_t bytes) { memory.take_over(slice, bytes); };
    contexts.costs.used = [this](CUdevice device) { return meter_.used(driver, device); };
    contexts.costs.opened = [this](size_t slice, uint32_t word, uint64_t more) {
        return hold_context(slice, word, more);
    };
    contexts.capturing = [this] { return captures.any(); };
    contexts.asks = [this] { return host_service.is_open(); };
    contexts.costs.adopted = [this](uint32_t word) { memory.name_context(word); };
}

void Session::open_throttles()
{
    throttles.clear();
    for (const Slice &slice : slices)
        throttles.push_back(std::make_unique<Throttle>(driver, slice));
}

void Session::keep(const std::vector<size_t> &order)
{
    std::vector<Slice> kept;
    for (size_t i : order)
        kept.push_back(slices[i]);
    memory.keep(order);
    slices = std::move(kept); // all other parts have it by reference
    open_throttles();
}

void Session::attach(wire::Channel &to)
{
    channel = &to;
    replies.attach(to);
}

Session::~Session()
{
    if (!detached_)
        bulk.shut_down(); // nobody waits for its bytes any more
    host_service.close();
    contexts.asks = nullptr; // nobody answers
    while_waiting = nullptr;
    waiters.finish();
    contexts.fence().wait();
    bulk.end();
    for (auto &throttle : throttles)
        throttle->close();
    contexts.restore();
    // They hold what is ours.
    for (void *exec : handles.all_of(api::Kind::graph_exec))
        if (driver.cuGraphExecDestroy)
            driver.cuGraphExecDestroy(CUgraphExec(exec));
    for (void *graph : handles.all_of(api::Kind::graph)) {
        if (!driver.cuGraphDestroy || handles.id_of(api::Kind::graph, graph) == 0)
            continue; // or it was inside another
        driver.cuGraphDestroy(CUgraph(graph));
        graphs.forget_inside(CUgraph(graph));
    }
    for (Retired &retired : retired_)
        retired.action();
    for (void *green : handles.all_of(api::Kind::green))
        calls::cuGreenCtxDestroy(*this, CUgreenCtx(green));
    sharing.close(); // its thread charges our memory
}

void Session::run()
{
    std::vector<std::byte> message;
    while (!detached_) {
        try {
            handle_mirrors_left();
            if (!backlog_.empty()) {
                message = std::move(backlog_.front());
                backlog_.pop_front();
                backlog_bytes_ -= message.size();
                handle(message);
                continue;
            }
            // Now and then, what the device is done with is let go, though nobody calls.
            bool idle = retired_.empty() && !memory.lingers() && !physical.lingers();
            if (!channel->receive(message, idle ? -1 : 50)) {
                housekeep();
                continue;
            }
        } catch (const Error &error) {
            if (error.code() != ECONNRESET && error.code() != EPIPE)
                throw;
            if (auto why = bulk.failure())
                fail(EPROTO, "%s", why->c_str());
            log(Level::info, "the client is gone: %s", error.what());
            return;
        }
        handle(message);
    }
}

void Session::attend_while_waiting()
{
    attend_ = [this] { attend(); };
    while_waiting = &attend_;
}

// Of what comes while the dispatch thread waits: the client's answers to what the device's work
// asks, and what makes the two ends' copies of one memory the same, by which a function of the
// client's begins and ends. Everything else waits its turn, and not without bounds.
void Session::attend()
{
    constexpr size_t kMostBacklog = size_t(64) << 20;
    std::vector<std::byte> message;
    try {
        if (backlog_bytes_ > kMostBacklog || !channel)
            return std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (!channel->receive(message, 1))
            return;
    } catch (const Error &) { // which the next receive tells again
        host_service.close();
        return std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    wire::Header header = wire::checked_header(message);
    Request request{api::Call(header.call), header.sequence, false,
                    wire::Decoder(std::span<const std::byte>(message).subspan(wire::kHeaderSize))};
    if (request.call == api::Call::vgpuHostDone)
        return calls::vgpuHostDone(*this, request);
    if (request.call == api::Call::vgpuHostBytes)
        return calls::vgpuHostBytes(*this, request);
    bool mirror = is_mirror(request.call);
    if (mirror && !in_mirror_)
        return handle_mirror(message);
    backlog_bytes_ += message.size();
    (mirror ? mirror_backlog_ : backlog_).push_back(std::move(message));
}

// Amid another call, whose context is the current one again afterwards. These are handled in the
// order in which they came, one at a time.
void Session::handle_mirror(std::span<const std::byte> message)
{
    const Context *before = contexts.current();
    handle(message);
    handle_mirrors_left();
    in_mirror_ = false;
    contexts.enter(before ? before->word : 0);
}

void Session::handle_mirrors_left()
{
    while (!mirror_backlog_.empty()) {
        std::vector<std::byte> message = std::move(mirror_backlog_.front());
        mirror_backlog_.pop_front();
        backlog_bytes_ -= message.size();
        handle(message);
    }
}

void Session::answer(const Request &request, CUresult result)
{
    if (result == CUDA_ERROR_NOT_SUPPORTED)
        tell_unsupported(driver, request.call);
    if (request.wants_reply)
        replies.send(request.reply_to(), result);
    else if (result != CUDA_SUCCESS)
        replies.fail_later(request.call, result);
}

void Session::retire(Fence fence, std::function<void()> action)
{
    housekeep();
    retired_.push_back({std::move(fence), std::move(action)});
}

void Session::tidy()
{
    if (memory.lingers())
        memory.tidy();
    if (physical.lingers())
        physical.tidy();
}

void Session::housekeep()
{
    for (auto &kept : captures.take_released())
        if (kept->block)
            leaving_.push_back(kept->block);
    if (!leaving_.empty())
        let_graph_memory_go();
    tidy();
    CUresult ignored;
    while (!retired_.empty() && retired_.front().fence.done(ignored) && !contexts.may_ask()) {
        retired_.front().action();
        retired_.pop_front();
    }
}

// Memory that no graph has any more may outlive them all: until it is freed, the driver knows it.
void Session::let_graph_memory_go()
{
    std::erase_if(leaving_, [&](CUdeviceptr block) {
        CUmemorytype type;
        if (driver.cuPointerGetAttribute &&
            driver.cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, block) ==
                CUDA_SUCCESS)
            return false;
        captures.blocks.erase(block);
        memory.let_go(Memory::Held::graph, block);
        memory.drop_ranges(block);
        return true;
    });
}

void Session::finish_retired()
{
    if (retired_.empty())
        return;
    contexts.let_ask();
    for (; !retired_.empty(); retired_.pop_front()) {
        retired_.front().fence.wait();
        retired_.front().action();
    }
    contexts.restore();
}

CUresult Session::hold_context(size_t slice, uint32_t word, uint64_t bytes)
{
    bool held = memory.hold(slice, word, Memory::Held::context, 0, bytes);
    for (auto &[library, size] : library_bytes_)
        held = held && memory.hold(slice, word, Memory::Held::library, uint64_t(library), size);
    if (held)
        return CUDA_SUCCESS;
    memory.drop_context(word);
    log(Level::warning, "slice %zu has no room for a context: it takes %llu bytes itself", slice,
        (unsigned long long)bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult Session::hold_library(uint64_t bytes)
{
    for (auto &[word, context] : contexts.all()) {
        if (!memory.hold(context.slice, word, Memory::Held::library, 0, bytes)) {
            memory.let_go(Memory::Held::library, 0);
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
    }
    return CUDA_SUCCESS;
}

void Session::name_library(CUlibrary library, uint64_t bytes)
{
    for (auto &[word, context] : contexts.all())
        memory.name_held(word, Memory::Held::library, uint64_t(library));
    if (bytes)
        library_bytes_[library] = bytes;
}

void Session::forget_library(CUlibrary library)
{
    memory.let_go(Memory::Held::library, uint64_t(library));
    library_bytes_.erase(library);
}

void Session::close_context(uint32_t word)
{
    Context *context = contexts.find(word);
    if (!context)
        return;
    contexts.fence(*context).wait();
    waiters.drain(); // they hold events of it
    throttles[context->slice]->close();
    mirrors.drop_context(*context);
    contexts.restore();
    for (void *event : handles.all_of(api::Kind::event, word))
        sharing.withdraw(uint64_t(event)); // its number may become another's
    handles.remove_context(word);
    links.drop_context(word);
    libraries.drop_context(word);
    memory.drop_context(word);
    bulk.forget(context->handle);
    contexts.close(word);
}

} // namespace vgpu::server
