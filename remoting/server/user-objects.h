// SPDX-License-Identifier: Apache-2.0
// User objects: the driver counts their references, the client has what is to be called when the
// last one is gone. The application's handle is one of ours, so that a reference to what is gone
// already never reaches the driver.
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/handles.h"
#include "remoting/server/host-service.h"
#include "remoting/server/waiters.h"

#include <memory>
#include <unordered_map>

namespace vgpu::server
{

class UserObjects
{
public:
    UserObjects(const Driver &driver, Handles &handles, HostService &service, Waiters &waiters);
    ~UserObjects();

    CUresult create(CUuserObject *object, uint64_t number, unsigned references);
    CUresult retain(CUuserObject object, unsigned count);
    CUresult release(CUuserObject object, unsigned count);

    // A graph's references; some of the caller's become them if `flags` say so.
    CUresult give(CUgraph graph, CUuserObject object, unsigned count, unsigned flags);
    CUresult take_back(CUgraph graph, CUuserObject object, unsigned count);

private:
    struct Object;
    struct Teller;

    Object *find(CUuserObject object) const;
    void sweep();
    static void CUDA_CB gone(void *object);

    const Driver &driver_;
    Handles &handles_;
    std::shared_ptr<Teller> teller_;
    std::unordered_map<CUuserObject, std::shared_ptr<Object>> objects_;
};

} // namespace vgpu::server
