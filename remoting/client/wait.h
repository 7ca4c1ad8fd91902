// SPDX-License-Identifier: Apache-2.0
// What synchronising calls have in common: the copies to the host that are under way arrive first,
// then the failures of earlier asynchronous calls are told.
#pragma once

#include "remoting/client/session.h"

#include <cuda.h>

namespace vgpu::client
{

// The result of a call that has synchronised with everything up to `sequence`.
CUresult settle(Session &session, uint64_t sequence, CUresult result);

CUresult synchronize_context(Session &session, uint32_t word);

// body(): a copy between the memory of two contexts that is behind all that goes on in either of
// them, and before all that they are given later. No stream of one waits for the other's.
template<class Body>
CUresult between_contexts(Session &session, const Context &current, CUcontext to, CUcontext from,
                          Body &&body)
{
    bool others = false;
    for (CUcontext handle : {to, from == to ? nullptr : from})
        if (Context *other = handle ? session.contexts.find(handle) : nullptr;
            other && other != &current) {
            others = true;
            CUresult result = synchronize_context(session, other->word());
            if (result != CUDA_SUCCESS)
                return result;
        }
    CUresult result = body();
    return result == CUDA_SUCCESS && others ? synchronize_context(session, current.word()) : result;
}
CUresult synchronize_stream(Session &session, uint32_t word, CUstream stream);

// The same, where no capture forbids it; `word` is the stream's.
CUresult await_stream(Session &session, uint32_t word, CUstream stream);

// Whether the worker has refused what was posted, without waiting for the device: for what only it
// can judge, and the driver would at once.
CUresult judge(Session &session, uint32_t word);

// A stream that was created here; null if it is one of the driver's own or none
// (Table::find_again).
Stream *find_stream(const Session &session, CUstream stream);

// The `word` of what is asked of a stream: that of its own context, whichever is current; of the
// current one for the driver's own streams.
uint32_t stream_word(const Session &session, uint32_t current, CUstream stream);

// Whether all that was sent for a stream up to `sequence` is known to be done, by what was waited
// for since.
bool is_past(const Session &session, uint64_t context, CUstream stream, uint64_t sequence);

// One of the driver's own streams or one that was created here and not destroyed. Where it is the
// per-thread stream, `stream` becomes the calling thread's own (thread-stream.h): what is sent must
// name that one.
bool good_stream(Session &session, CUstream &stream);

} // namespace vgpu::client
