// SPDX-License-Identifier: Apache-2.0
// Executable graphs: made, changed, launched.
#include "remoting/client/entry-of-launch.h"
#include "remoting/client/graph.h"
#include "remoting/client/mirrors.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

using namespace vgpu::client;
namespace api = vgpu::api;

VGPU_ENTRY cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph,
                                        CUDA_GRAPH_INSTANTIATE_PARAMS *parameters)
{
    return entry([&](Session &session) -> CUresult {
        if (!exec || !parameters)
            return CUDA_ERROR_INVALID_VALUE;
        uint64_t id = session.new_id(api::Kind::graph_exec), node = 0;
        uint32_t answer = 0, outcome = 0, asks = 0;
        CUresult result =
            remote::vgpuGraphInstantiate(graph, id, parameters->flags, parameters->hUploadStream,
                                         &answer, &outcome, &node, &asks);
        if (result == CUDA_SUCCESS) {
            parameters->hErrNode_out = api::handle_of<CUgraphNode>(node);
            parameters->result_out = CUgraphInstantiateResult(outcome);
            result = CUresult(answer);
        } else {
            parameters->hErrNode_out = nullptr;
            parameters->result_out = CUDA_GRAPH_INSTANTIATE_ERROR;
        }
        if (result != CUDA_SUCCESS)
            return result;
        auto known = std::make_shared<GraphExec>();
        known->asks = asks & 1;
        known->has_memory = asks & 2;
        session.graph_execs.add(id, std::move(known));
        *exec = api::handle_of<CUgraphExec>(id);
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph,
                                             CUDA_GRAPH_INSTANTIATE_PARAMS *parameters)
{
    if (!parameters)
        return CUDA_ERROR_INVALID_VALUE;
    CUstream stream = parameters->hUploadStream;
    parameters->hUploadStream = per_thread(stream);
    CUresult result = cuGraphInstantiateWithParams(exec, graph, parameters);
    parameters->hUploadStream = stream;
    return result;
}

VGPU_ENTRY cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    CUDA_GRAPH_INSTANTIATE_PARAMS parameters{};
    parameters.flags = flags;
    return cuGraphInstantiateWithParams(exec, graph, &parameters);
}

// The old forms have a log, in which there has been nothing for long.
VGPU_ENTRY cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log,
                                 size_t bytes)
{
    if (node)
        *node = nullptr;
    if (log && bytes)
        *log = 0;
    return cuGraphInstantiateWithFlags(exec, graph, 0);
}

VGPU_ENTRY cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log,
                              size_t bytes)
{
    return cuGraphInstantiate_v2(exec, graph, node, log, bytes);
}

VGPU_ENTRY cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    uint32_t answer = 0, outcome = 0;
    uint64_t node = 0, from = 0;
    CUresult result = remote::vgpuGraphExecUpdate(exec, graph, &answer, &outcome, &node, &from);
    if (result != CUDA_SUCCESS)
        return result;
    out->result = CUgraphExecUpdateResult(outcome);
    out->errorNode = api::handle_of<CUgraphNode>(node);
    out->errorFromNode = api::handle_of<CUgraphNode>(from);
    return CUresult(answer);
}

VGPU_ENTRY cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *node,
                             CUgraphExecUpdateResult *out)
{
    if (!out)
        return CUDA_ERROR_INVALID_VALUE;
    CUgraphExecUpdateResultInfo own{};
    CUresult result = cuGraphExecUpdate_v2(exec, graph, &own);
    *out = own.result;
    if (node)
        *node = own.errorNode;
    return result;
}

VGPU_ENTRY cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    return entry_of_launch(stream, [&](Session &session, Context &context) -> CUresult {
        auto known = session.graph_execs.find(api::id_of(exec));
        if (!known)
            return CUDA_ERROR_INVALID_VALUE;
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        DeviceWork work(session, context, stream, true);
        if (work.result != CUDA_SUCCESS)
            return work.result;
        // What was copied to this process before may be what the graph's functions look at.
        Connection &connection = session.connection();
        if (known->asks)
            connection.complete_before(connection.last_sequence());
        if (known->asks)
            session.host_service.expect(session);
        uint32_t word = stream_word(session, context.word(), stream);
        auto send = [&](auto how) {
            return how(session, word, api::Call::vgpuGraphLaunch, handle(exec), handle(stream),
                       val(uint32_t(known->asks)));
        };
        // Whether the memory of an earlier launch is free is the driver's to say.
        CUresult result = known->has_memory ? send([](auto &&...all) { return call_in(all...); })
                                            : send([](auto &&...all) { return post_in(all...); });
        if (known->asks && result != CUDA_SUCCESS)
            session.host_service.expect_no_more();
        return result;
    });
}

VGPU_ENTRY cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream)
{
    return cuGraphLaunch(exec, per_thread(stream));
}

VGPU_ENTRY cuGraphExecDestroy(CUgraphExec exec)
{
    return entry([&](Session &session) -> CUresult {
        return session.graph_execs.remove(api::id_of(exec)) ? remote::cuGraphExecDestroy(exec)
                                                            : CUDA_ERROR_INVALID_VALUE;
    });
}
