// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/descriptors.h"

#include "remoting/base/error.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace vgpu::wire
{

namespace
{

constexpr size_t kControlBytes = CMSG_SPACE(kMaxDescriptors * sizeof(int));

} // namespace

ssize_t send_with_descriptors(int socket, std::span<const std::byte> bytes,
                              std::span<const int> fds)
{
    iovec piece{const_cast<std::byte *>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[kControlBytes] = {};
    if (!fds.empty()) {
        if (fds.size() > kMaxDescriptors)
            fail(EINVAL, "%zu descriptors at once, at most %zu can be passed", fds.size(),
                 kMaxDescriptors);
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

ssize_t receive_with_descriptors(int socket, std::span<std::byte> bytes, std::vector<Fd> *fds)
{
    iovec piece{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[kControlBytes];
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0)
        return n;
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int fd;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            Fd owned(fd); // closed at once unless somebody wants it
            if (fds)
                fds->push_back(std::move(owned));
        }
    }
    if (message.msg_flags & MSG_CTRUNC)
        fail(EPROTO, "the peer passed more descriptors than allowed");
    return n;
}

} // namespace vgpu::wire
