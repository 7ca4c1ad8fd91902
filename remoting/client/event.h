// SPDX-License-Identifier: Apache-2.0
// What is known here of an event, for calls that record one beside what else they do.
#pragma once

#include "remoting/client/session.h"

#include <cuda.h>

namespace vgpu::client
{

// Null if there is none (Table::find_again).
Event *find_event(const Session &session, CUevent handle);

// The request just sent records it in that stream. With the event's lock, since before it was sent.
void note_recording(Session &session, Event &event, CUstream stream);

} // namespace vgpu::client
