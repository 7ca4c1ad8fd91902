// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/message.h"

#include "remoting/base/error.h"

#include <cerrno>

namespace vgpu::wire
{

Header checked_header(std::span<const std::byte> message)
{
    if (message.size() < kHeaderSize)
        fail(EPROTO, "a message of %zu bytes is shorter than its header", message.size());
    Header header = get_header(message.data());
    if (!valid_size(header.size) || header.size != message.size())
        fail(EPROTO, "a message of %zu bytes says that it has %u", message.size(), header.size);
    return header;
}

void check_outgoing(std::span<const std::byte> head, std::span<const std::byte> body)
{
    if (head.size() < kHeaderSize)
        fail(EINVAL, "the head of a message (%zu bytes) lacks its header", head.size());
    size_t size = head.size() + body.size();
    if (size > kMaxMessage)
        fail(EMSGSIZE, "a message of %zu bytes is larger than %zu", size, kMaxMessage);
    if (!valid_size(size) || get_header(head.data()).size != size)
        fail(EINVAL, "call %u: a message of %zu bytes says that it has %u",
             get_header(head.data()).call, size, get_header(head.data()).size);
}

} // namespace vgpu::wire
