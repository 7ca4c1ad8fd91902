// SPDX-License-Identifier: Apache-2.0
// The per-thread default stream. To the worker's driver all threads of this process are one, the
// dispatch thread: so each has an ordinary stream there, made at its first use in a context and
// ended with the thread.
#pragma once

#include "remoting/client/session.h"
#include "remoting/client/thread.h"

namespace vgpu::client
{

// `stream` becomes the calling thread's own in its current context. False without a context, or
// when it could not be made.
bool name_thread_stream(Session &session, CUstream &stream);

// The thread ends; what its streams were given is done all the same.
void end_thread_streams(ThreadState &thread) noexcept;

} // namespace vgpu::client
