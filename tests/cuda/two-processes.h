// SPDX-License-Identifier: Apache-2.0
// Two processes that share something: a child forked before either uses CUDA, and what the two say
// to each other.
#pragma once

#include "check.h"

#include <cstring>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

inline int other; // a socket to the other process

// 0 in the child, which is the first of the two; its id in the other.
inline pid_t two_processes()
{
    alarm(100); // rather than to wait for one that has failed
    int ends[2];
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    std::fflush(stdout);
    pid_t child = fork();
    EXPECT(child >= 0);
    other = ends[child == 0];
    close(ends[child != 0]);
    return child;
}

template<class T>
void tell(const T &value)
{
    EXPECT(send(other, &value, sizeof value, MSG_NOSIGNAL) == ssize_t(sizeof value));
}

template<class T>
T hear()
{
    T value;
    EXPECT(recv(other, &value, sizeof value, MSG_WAITALL) == ssize_t(sizeof value));
    return value;
}

// The two come so far, both.
inline void meet()
{
    tell(1);
    hear<int>();
}

// A message of one byte, with room for a descriptor beside it.
struct WithDescriptor {
    WithDescriptor()
    {
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
    }
    char byte = 0;
    iovec piece{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
};

// It is the other's from now on.
inline void tell_descriptor(int fd)
{
    WithDescriptor with;
    cmsghdr *header = CMSG_FIRSTHDR(&with.message);
    header->cmsg_len = CMSG_LEN(sizeof fd);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    EXPECT(sendmsg(other, &with.message, MSG_NOSIGNAL) == 1);
    close(fd);
}

inline int hear_descriptor()
{
    WithDescriptor with;
    int fd = -1;
    EXPECT(recvmsg(other, &with.message, MSG_CMSG_CLOEXEC) == 1);
    cmsghdr *header = CMSG_FIRSTHDR(&with.message);
    EXPECT(header != nullptr);
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
