// SPDX-License-Identifier: Apache-2.0
// What the recording cuDNN writes of its own kinds of parameters, and answers where a program goes
// by the answer.
#pragma once

#include "remoting/api/cudnn.h"
#include "remoting/libs/tabled-record.h"

namespace vgpu::record
{

namespace dnn = vgpu::api::dnn;

null::Said said_in(int type, int64_t count, const void *elements);
null::Said said_out(int type, int64_t requested, const void *count, const void *elements);

int play_cudnnGetProperty(int type, void *value);
int play_cudnnSetStream(void *handle, CUstream stream);
int play_cudnnBackendGetAttribute(void *descriptor, int name, int type, int64_t requested,
                                  void *count, void *elements);

} // namespace vgpu::record
