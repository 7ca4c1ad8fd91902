// SPDX-License-Identifier: Apache-2.0
// Streams that are captured, and what graphs keep alive on this side. Every capture is a relaxed
// one to the driver: the threads that its modes are about are the client's, which judges them; what
// we do for ourselves meanwhile is then allowed. Dispatch thread only, but for the driver's calls
// of release().
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/host-service.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace vgpu::server
{

class Captures
{
public:
    explicit Captures(const Driver &driver) : driver_(driver) {}
    ~Captures();

    bool any() const noexcept { return !origins_.empty(); }
    bool in_context(uint32_t word) const;

    // Whether what is put into the stream is captured.
    bool captures(CUstream stream) const;

    CUresult begin(CUstream stream, uint32_t word, CUgraph graph, const CUgraphNode *nodes,
                   size_t count);
    CUresult end(CUstream stream, CUgraph &graph);
    // The stream is destroyed, and with it a capture that began there.
    void forget(CUstream stream) { origins_.erase(stream); }

    struct State {
        CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
        cuuint64_t number = 0;
        CUgraph graph = nullptr;
        std::vector<CUgraphNode> tails;
    };
    CUresult state(CUstream stream, State &state) const;

    // What lives as long as any graph or executable graph that was made of `graph`.
    struct Released;
    struct Kept {
        std::shared_ptr<HostService::Transfer> transfer;
        CUdeviceptr block = 0;          // or memory that the graph has
        std::shared_ptr<Released> list; // where it goes when nobody keeps it
    };
    struct Released {
        std::mutex mutex;
        bool over = false; // the session is, and nobody looks here again
        std::vector<std::unique_ptr<Kept>> all;
    };
    CUresult keep(CUgraph graph, std::unique_ptr<Kept> kept);
    // What nobody keeps any more.
    std::vector<std::unique_ptr<Kept>> take_released();

    std::set<CUdeviceptr> blocks; // that graphs have
    // What an executable graph copies from and to, whatever becomes of the graph it was made of.
    std::map<CUgraphExec, std::vector<std::shared_ptr<HostService::Transfer>>> execs;

private:
    static void CUDA_CB release(void *kept);

    const Driver &driver_;
    std::map<CUstream, uint32_t> origins_; // and their contexts
    std::shared_ptr<Released> released_ = std::make_shared<Released>();
};

} // namespace vgpu::server
