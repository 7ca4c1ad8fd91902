// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/user-objects.h"

#include "remoting/server/calls.h"

#include <atomic>
#include <mutex>
#include <thread>

namespace vgpu::server
{

// Who tells the client; it outlives the session, since the driver may call when that is over.
struct UserObjects::Teller {
    std::mutex mutex; // of the two pointers: null when the session is over
    HostService *service;
    Waiters *waiters;
    std::thread::id dispatch = std::this_thread::get_id();
    std::atomic<size_t> gone{0}; // partner: sweep()

    void tell(uint64_t number)
    {
        gone.fetch_add(1, std::memory_order_release);
        std::lock_guard lock(mutex);
        if (!service || service->is_closed())
            return;
        // The dispatch thread must not wait for the client to read.
        if (std::this_thread::get_id() == dispatch)
            waiters->add(0, [service = service, number] { service->tell_gone(number); });
        else
            service->tell_gone(number);
    }
};

struct UserObjects::Object {
    std::shared_ptr<Teller> teller;
    uint64_t number;
    CUuserObject handle = nullptr;
    uint64_t owned = 0;            // references that are the client's own
    std::atomic<bool> gone{false}; // written by the driver's thread; partner: find()
};

UserObjects::UserObjects(const Driver &driver, Handles &handles, HostService &service,
                         Waiters &waiters)
    : driver_(driver), handles_(handles), teller_(std::make_shared<Teller>())
{
    teller_->service = &service;
    teller_->waiters = &waiters;
}

UserObjects::~UserObjects()
{
    std::lock_guard lock(teller_->mutex);
    teller_->service = nullptr;
}

UserObjects::Object *UserObjects::find(CUuserObject object) const
{
    auto at = objects_.find(object);
    bool there = at != objects_.end() && !at->second->gone.load(std::memory_order_acquire);
    return there ? at->second.get() : nullptr;
}

// A thread of the driver's, or ours inside one of its calls.
void UserObjects::gone(void *argument)
{
    std::unique_ptr<std::shared_ptr<Object>> kept(static_cast<std::shared_ptr<Object> *>(argument));
    Object &object = **kept;
    object.gone.store(true, std::memory_order_release);
    object.teller->tell(object.number);
}

// Forgets those that are gone.
void UserObjects::sweep()
{
    if (teller_->gone.exchange(0, std::memory_order_acquire) == 0)
        return;
    std::erase_if(objects_, [&](auto &item) {
        if (!item.second->gone.load(std::memory_order_acquire))
            return false;
        handles_.remove(handles_.id_of(api::Kind::user_object, item.first));
        return true;
    });
}

CUresult UserObjects::create(CUuserObject *out, uint64_t number, unsigned references)
{
    if (!driver_.cuUserObjectCreate || !driver_.cuUserObjectRetain ||
        !driver_.cuUserObjectRelease || !driver_.cuGraphRetainUserObject ||
        !driver_.cuGraphReleaseUserObject)
        return CUDA_ERROR_NOT_SUPPORTED;
    sweep();
    auto object = std::make_shared<Object>();
    object->teller = teller_;
    object->number = number;
    object->owned = references;
    auto argument = std::make_unique<std::shared_ptr<Object>>(object);
    CUresult result = driver_.cuUserObjectCreate(&object->handle, argument.get(), gone, references,
                                                 CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
    if (result != CUDA_SUCCESS)
        return result;
    argument.release(); // the driver's from now on
    *out = reinterpret_cast<CUuserObject>(object.get());
    objects_[*out] = std::move(object);
    return CUDA_SUCCESS;
}

CUresult UserObjects::retain(CUuserObject handle, unsigned count)
{
    Object *object = find(handle);
    if (!object)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_.cuUserObjectRetain(object->handle, count);
    if (result == CUDA_SUCCESS)
        object->owned += count;
    return result;
}

CUresult UserObjects::release(CUuserObject handle, unsigned count)
{
    Object *object = find(handle);
    if (!object || count > object->owned)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_.cuUserObjectRelease(object->handle, count);
    if (result == CUDA_SUCCESS)
        object->owned -= count;
    return result;
}

CUresult UserObjects::give(CUgraph graph, CUuserObject handle, unsigned count, unsigned flags)
{
    Object *object = find(handle);
    bool moves = flags & CU_GRAPH_USER_OBJECT_MOVE;
    if (!object || (moves && count > object->owned))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_.cuGraphRetainUserObject(graph, object->handle, count, flags);
    if (result == CUDA_SUCCESS && moves)
        object->owned -= count;
    return result;
}

CUresult UserObjects::take_back(CUgraph graph, CUuserObject handle, unsigned count)
{
    Object *object = find(handle);
    return object ? driver_.cuGraphReleaseUserObject(graph, object->handle, count)
                  : CUDA_ERROR_INVALID_VALUE;
}

namespace calls
{

CUresult vgpuUserObjectCreate(Session &session, CUuserObject *object, uint64_t number,
                              uint32_t references)
{
    return session.host_service.is_open() ? session.user_objects.create(object, number, references)
                                          : CUDA_ERROR_NOT_PERMITTED;
}

CUresult cuUserObjectRetain(Session &session, CUuserObject object, unsigned count)
{
    return session.user_objects.retain(object, count);
}

CUresult cuUserObjectRelease(Session &session, CUuserObject object, unsigned count)
{
    return session.user_objects.release(object, count);
}

CUresult cuGraphRetainUserObject(Session &session, CUgraph graph, CUuserObject object,
                                 unsigned count, unsigned flags)
{
    return session.user_objects.give(graph, object, count, flags);
}

CUresult cuGraphReleaseUserObject(Session &session, CUgraph graph, CUuserObject object,
                                  unsigned count)
{
    return session.user_objects.take_back(graph, object, count);
}

} // namespace calls
} // namespace vgpu::server
