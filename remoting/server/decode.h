// SPDX-License-Identifier: Apache-2.0
// A request's parameters, by their server halves.
#pragma once

#include "remoting/server/session.h"

#include <tuple>

namespace vgpu::server
{

// Fills a tuple of server halves. Malformed bytes throw; a handle or a pointer that is none is the
// result.
template<class Halves>
CUresult decode(Session &session, Request &request, Halves &halves)
{
    CUresult result = CUDA_SUCCESS;
    auto keep_first = [&](CUresult one) { result = result == CUDA_SUCCESS ? one : result; };
    std::apply([&](auto &...half) { (keep_first(half.get(request.in, session.handles)), ...); },
               halves);
    request.check_done();
    std::apply([&](auto &...half) { (keep_first(half.bind(halves)), ...); }, halves);
    return result;
}

} // namespace vgpu::server
