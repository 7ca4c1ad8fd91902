// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/session.h"

#include "remoting/api/calls.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/variables.h"
#include "remoting/base/visible-devices.h"
#include "remoting/client/call.h"
#include "remoting/client/errors.h"
#include "remoting/client/libraries.h"
#include "remoting/client/logs.h"
#include "remoting/client/static-cudart.h"
#include "remoting/wire/handshake.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <pthread.h>

namespace vgpu::client
{
namespace
{

enum class State {
    fresh,  // cuInit was not called, or failed
    ready,  // there is a session
    forked, // a child of a process that had one: as with NVIDIA's driver, CUDA cannot be used there
    exited, // the library's destructor has run
};

// What kernels print, answered for as long as the session lasts. Into the program's own stdout, as
// the driver would: so the order among the program's lines is kept.
class Printed : public Pending
{
public:
    bool arrived(const wire::Header &header, std::span<const std::byte> body) override
    {
        wire::Decoder in(body);
        auto bytes = in.bytes(in.u64());
        if (!in.done() || !(header.flags & wire::kMore))
            return false;
        fwrite(bytes.data(), 1, bytes.size(), stdout);
        return true;
    }
};

// The program has hidden all devices from itself; no error that it should be told of.
struct Hidden {
};

// Says why there is no session, and again only when the reason has changed: programs ask more than
// once. Called under start_mutex.
void tell(const char *why)
{
    static auto &told = *new std::string;
    if (told != why)
        log(Level::error, "%s", why);
    told = why;
}

// What a program learns of a failure that the daemon did not put into CUDA's words.
CUresult result_of(const Error &error) noexcept
{
    switch (error.code()) {
    case EPROTO:
        return CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
    case EACCES:
    case EPERM:
        return CUDA_ERROR_NOT_PERMITTED;
    default:
        return CUDA_ERROR_SYSTEM_NOT_READY;
    }
}

wire::LeaseFile own_lease()
{
    try {
        return wire::read_lease_file(getenv(kLeaseVariable.env));
    } catch (const Error &error) {
        // It goes with the job step or the vgpu-run that it was for, and so do the devices.
        if (error.code() == ENOENT)
            throw wire::Refused(CUDA_ERROR_NO_DEVICE, error.what());
        throw;
    }
}

// Written under start_mutex, in the child of a fork and at exit; partner: Session::get() in every
// thread.
std::atomic<State> state{State::fresh};
std::mutex start_mutex;

// Never destroyed: destructors of the program may still call CUDA after ours would have run.
Session *the_session = nullptr;

void fork_child()
{
    new (&start_mutex) std::mutex; // another thread may have held it at the fork
    if (state.load(std::memory_order_acquire) != State::ready)
        return;
    state.store(State::forked, std::memory_order_release);
    the_session->connection().abandon_in_child();
    if (Bulk *bulk = the_session->opened_bulk())
        bulk->abandon_in_child();
}

[[gnu::destructor]] void leave()
{
    if (state.load(std::memory_order_acquire) != State::ready)
        return;
    state.store(State::exited, std::memory_order_release);
    Connection &connection = the_session->connection();
    connection.say_goodbye(uint16_t(api::Call::vgpuDetach));
    log(Level::debug, "%llu requests, %llu round trips",
        (unsigned long long)connection.last_sequence(),
        (unsigned long long)connection.round_trips());
}

} // namespace

const char *call_name(uint32_t number) noexcept
{
    const char *name =
        number <= UINT16_MAX ? api::call_name(api::Call(number)) : library_call_name(number);
    return name ? name : "call of an unknown number";
}

Session *Session::get(CUresult &why) noexcept
{
    if (HostService::in_function()) [[unlikely]] {
        why = CUDA_ERROR_NOT_PERMITTED; // as CUDA has it for what a stream calls
        return nullptr;
    }
    switch (state.load(std::memory_order_acquire)) {
    case State::ready:
        if (!the_session->connection_->lost()) [[likely]]
            return the_session;
        why = CUDA_ERROR_DEVICE_UNAVAILABLE;
        return nullptr;
    case State::exited:
        why = CUDA_ERROR_DEINITIALIZED;
        return nullptr;
    default:
        why = CUDA_ERROR_NOT_INITIALIZED;
        return nullptr;
    }
}

struct Session::Origin {
    wire::LeaseFile lease;
    wire::SessionInfo info;
};

Session::Session() = default;
Session::~Session() = default;

int Session::driver_version() noexcept
{
    CUresult why;
    Session *session = get(why);
    return session ? session->snapshot_.driver_version : 0;
}

CUresult Session::start()
{
    CUresult why;
    std::lock_guard lock(start_mutex);
    if (state.load(std::memory_order_acquire) != State::fresh)
        return get(why) ? CUDA_SUCCESS : why;
    remember_logs();
    if (report_static_cudart())
        return CUDA_ERROR_NOT_SUPPORTED;
    if (!getenv(kLeaseVariable.env)) {
        tell("no vgpu lease: run under sbatch --gres=vgpu:N or vgpu-run");
        return CUDA_ERROR_NO_DEVICE;
    }
    auto session = std::unique_ptr<Session>(new Session);
    try {
        session->open();
    } catch (const Hidden &) {
        log(Level::info, "%s=%s leaves none of the lease's devices", kVisibleDevices,
            getenv(kVisibleDevices));
        return CUDA_ERROR_NO_DEVICE;
    } catch (const wire::Refused &refusal) {
        tell(refusal.what());
        auto result = CUresult(refusal.code());
        return result != CUDA_SUCCESS && error_text(result) ? result : CUDA_ERROR_SYSTEM_NOT_READY;
    } catch (const Error &error) {
        tell(error.what());
        return result_of(error);
    } catch (const std::exception &error) {
        tell(error.what());
        return CUDA_ERROR_SYSTEM_NOT_READY;
    }
    static bool registered = false;
    if (!registered)
        pthread_atfork(nullptr, nullptr, fork_child);
    registered = true;
    the_session = session.release();
    state.store(State::ready, std::memory_order_release);
    return CUDA_SUCCESS;
}

void Session::open()
{
    origin_ = std::make_unique<Origin>(Origin{own_lease(), {}});
    const auto &[lease, info] = *origin_;
    const char *visible = getenv(kVisibleDevices);
    if (visible && (!*visible || *visible == '-')) // what hides devices on purpose needs no worker
        throw Hidden();
    auto channel =
        wire::connect_session(lease, {.api = api::kTableHash, .channel = {}}, &origin_->info);
    node_ = info.node.empty() ? lease.node : info.node;
    bool shares_memory = channel->passes_descriptors();

    connection_ = std::make_unique<Connection>(
        std::move(channel),
        Connection::Hooks{.deferred = [this](Deferred deferred) { put_deferred(deferred); },
                          .lost =
                              [this](const std::string &why) {
                                  if (Bulk *bulk = opened_bulk())
                                      bulk->shut_down();
                                  if (!opened_) {
                                      lost_why_ = why; // told by who opens the session
                                      return;
                                  }
                                  log(Level::error,
                                      "the GPU worker on %s is gone: %s; every CUDA call of this "
                                      "process fails from here on",
                                      node_.c_str(), why.c_str());
                              }});

    if (info.lasting)
        reconnection_ = std::make_unique<Reconnection>(lease, info);

    uint64_t memory = 0;
    for (auto &slice : lease.slices)
        memory += slice.memory;
    window_ = std::make_unique<Window>(memory);
    Request request;
    request.out().u64(window_->bytes());
    request.out().u64(window_->candidates().size());
    for (uint64_t base : window_->candidates())
        request.out().u64(base);
    request.out().u64(visible != nullptr);
    if (visible)
        request.out().string(visible);
    Answer answer;
    CUresult result = exchange(*this, 0, api::Call::vgpuSnapshot, request, answer);
    if (connection_->lost())
        throw wire::Refused(CUDA_ERROR_DEVICE_UNAVAILABLE,
                            text("the GPU worker on %s was lost at the start: %s", node_.c_str(),
                                 lost_why_.c_str()));
    if (visible && result == CUDA_ERROR_NO_DEVICE)
        throw Hidden();
    if (result != CUDA_SUCCESS)
        throw wire::Refused(result, text("the GPU worker on %s could not describe its devices: %s",
                                         node_.c_str(), error_name(result)));
    wire::Decoder in(answer.body());
    snapshot_ = decode_snapshot(in);
    if (!window_->keep(snapshot_.window))
        fail(EPROTO, "the GPU worker on %s chose a device address window that was not offered",
             node_.c_str());

    // Never waited for: it lives as long as the connection, which is for ever.
    Request output;
    connection_->send(uint16_t(api::Call::vgpuOutput), 0, output.bytes(), {}, new Printed);

    for (auto &device : snapshot_.devices)
        limit_attributes(device, shares_memory);
    contexts.open_devices(snapshot_.devices.size());
    for (size_t i = 0; i < snapshot_.devices.size(); ++i) {
        uint64_t id = new_id(api::Kind::pool);
        auto pool = std::make_shared<Pool>();
        pool->device = int(i);
        pool->is_default = true;
        pools.table.add(id, pool);
        pools.defaults.push_back(id);
        pools.current.push_back(id);
    }
    opened_ = true;
    log(Level::info, "session %s on %s: %zu device(s) over %s", info.session.c_str(), node_.c_str(),
        snapshot_.devices.size(), connection_->channel().name());
}

Bulk *Session::bulk() noexcept
{
    if (bulk_tried_.load(std::memory_order_acquire)) [[likely]]
        return opened_bulk();
    std::lock_guard lock(bulk_mutex_);
    if (bulk_tried_.load(std::memory_order_relaxed))
        return opened_bulk();
    if (!connection_->channel().passes_descriptors()) {
        try {
            auto open = [this] { return wire::connect_bulk(origin_->lease, origin_->info); };
            Bulk::Replacer replace;
            if (reconnection_)
                replace = [this](wire::BulkAgain again) {
                    return reconnection_->replace(again, *connection_);
                };
            bulk_.store(new Bulk(open(), *connection_, open, replace), std::memory_order_release);
            if (connection_->lost())
                opened_bulk()->shut_down();
            log(Level::debug, "large copies have a connection of their own");
        } catch (const std::exception &error) {
            log(Level::info, "large copies go with the calls: no bulk connection to %s: %s",
                node_.c_str(), error.what());
        }
    }
    bulk_tried_.store(true, std::memory_order_release);
    return opened_bulk();
}

CUresult Session::take_deferred() noexcept
{
    if (deferred_.load(std::memory_order_relaxed) == 0)
        return CUDA_SUCCESS;
    return CUresult(deferred_.exchange(0, std::memory_order_acq_rel));
}

void Session::put_deferred(Deferred deferred) noexcept
{
    log(Level::error, "asynchronous %s failed: %s", call_name(deferred.call),
        error_name(CUresult(deferred.result)));
    uint32_t none = 0;
    deferred_.compare_exchange_strong(none, deferred.result,
                                      std::memory_order_acq_rel); // the first one wins
}

void Session::forget_ranges_of(uint64_t owner)
{
    for (const Range &range : ranges.remove_owner(owner))
        if (range.kind == Range::Kind::managed)
            managed.drop_variable(*this, range.base, range.bytes);
}

void Session::forget_context(uint64_t context)
{
    managed.forget_context(*this, context);
    for (const Range &range : ranges.remove_context(context))
        if (range.kind == Range::Kind::managed && range.owner)
            managed.drop_variable(*this, range.base, range.bytes);
    streams.remove_if([&](const Stream &stream) { return stream.context == context; });
    events.remove_if([&](const Event &event) { return event.context == context; });
    modules.remove_if([&](const Code &module) { return module.context == context; });
    arrays.remove_if([&](const Array &array) { return array.context == context; });
    mipmaps.remove_if([&](const Mipmap &mipmap) { return mipmap.context == context; });
    textures.forget_context(context);
    surfaces.forget_context(context);
    functions.remove_if([&](const Function &function) { return function.context == context; });
    {
        std::lock_guard lock(stream_attributes.mutex);
        std::erase_if(stream_attributes.values,
                      [&](auto &row) { return std::get<0>(row.first) == context; });
    }
    links.remove_if([&](const Link &link) { return link.context == context; });
    // Libraries outlive contexts, but not what was made of them there.
    libraries.each([&](uint64_t, Code &library) {
        std::lock_guard lock(library.mutex);
        std::erase_if(library.per_context, [&](auto &row) { return row.first.second == context; });
        std::erase_if(library.globals, [&](auto &row) { return row.first.second == context; });
        std::erase_if(library.managed, [&](auto &row) { return row.first.second == context; });
    });
}

} // namespace vgpu::client
