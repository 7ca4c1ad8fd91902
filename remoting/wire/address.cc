// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/address.h"

#include "remoting/base/error.h"
#include "remoting/base/parse.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace vgpu::wire
{

namespace
{

std::string unix_path(const std::string &address)
{
    return address.starts_with("unix:") ? address.substr(5) : address;
}

sockaddr_un unix_address(const std::string &path)
{
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof out.sun_path)
        fail(ENAMETOOLONG, "the socket path '%s' must have 1 to %zu characters", path.c_str(),
             sizeof out.sun_path - 1);
    std::memcpy(out.sun_path, path.c_str(), path.size() + 1);
    return out;
}

Fd new_socket(int family)
{
    Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        fail_errno("cannot create a socket");
    return fd;
}

// 0 or an errno value.
int try_connect(int fd, const sockaddr *address, socklen_t length, Deadline deadline)
{
    while (connect(fd, address, length) < 0) {
        if (errno == EAGAIN) { // a Unix socket's backlog is full, and there is nothing to wait on
            if (deadline.expired())
                return ETIMEDOUT;
            poll(nullptr, 0, 10);
            continue;
        }
        if (errno != EINPROGRESS && errno != EINTR)
            return errno;
        break;
    }
    if (!wait_for(fd, POLLOUT, deadline))
        return ETIMEDOUT;
    int code = 0;
    socklen_t size = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
        return errno;
    return code;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

AddressList resolve(const std::string &address, bool passive)
{
    HostPort where = parse_hostport(address);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
    addrinfo *list = nullptr;
    bool any = passive && where.host == "*";
    int code = getaddrinfo(any ? nullptr : where.host.c_str(), std::to_string(where.port).c_str(),
                           &hints, &list);
    if (code != 0)
        fail(EADDRNOTAVAIL, "cannot find the address of %s: %s", where.host.c_str(),
             code == EAI_SYSTEM ? errno_text(errno).c_str() : gai_strerror(code));
    return AddressList(list, freeaddrinfo);
}

Fd listen_unix(const std::string &path, unsigned mode)
{
    sockaddr_un where = unix_address(path);
    auto *generic = reinterpret_cast<const sockaddr *>(&where);
    struct stat info;
    if (lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode))
            fail(EEXIST, "%s exists and is no socket: remove it", path.c_str());
        Fd probe = new_socket(AF_UNIX);
        if (try_connect(probe.get(), generic, sizeof where, Deadline::after_ms(1000)) == 0)
            fail(EADDRINUSE, "%s is served by another process", path.c_str());
        unlink(path.c_str());
    }
    Fd fd = new_socket(AF_UNIX);
    if (bind(fd.get(), generic, sizeof where) < 0)
        fail_errno("cannot make the socket %s", path.c_str());
    if (chmod(path.c_str(), mode) < 0)
        fail_errno("cannot set the mode of %s", path.c_str());
    if (listen(fd.get(), SOMAXCONN) < 0)
        fail_errno("cannot listen on %s", path.c_str());
    return fd;
}

} // namespace

bool is_unix_address(const std::string &address) noexcept
{
    return address.starts_with('/') || address.starts_with("unix:");
}

Fd connect_to(const std::string &address, Deadline deadline)
{
    int code = EADDRNOTAVAIL;
    if (is_unix_address(address)) {
        sockaddr_un where = unix_address(unix_path(address));
        Fd fd = new_socket(AF_UNIX);
        code = try_connect(fd.get(), reinterpret_cast<const sockaddr *>(&where), sizeof where,
                           deadline);
        if (code == 0)
            return fd;
    } else {
        AddressList list = resolve(address, false);
        for (const addrinfo *entry = list.get(); entry; entry = entry->ai_next) {
            Fd fd = new_socket(entry->ai_family);
            code = try_connect(fd.get(), entry->ai_addr, entry->ai_addrlen, deadline);
            if (code == 0) {
                tune_tcp(fd.get());
                return fd;
            }
        }
    }
    fail(code, "cannot connect to %s: %s", address.c_str(), errno_text(code).c_str());
}

Fd listen_on(const std::string &address, unsigned mode)
{
    if (is_unix_address(address))
        return listen_unix(unix_path(address), mode);
    AddressList list = resolve(address, true);
    int code = EADDRNOTAVAIL;
    for (const addrinfo *entry = list.get(); entry; entry = entry->ai_next) {
        Fd fd = new_socket(entry->ai_family);
        int on = 1;
        setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd.get(), entry->ai_addr, entry->ai_addrlen) == 0 &&
            listen(fd.get(), SOMAXCONN) == 0)
            return fd;
        code = errno;
    }
    fail(code, "cannot listen on %s: %s", address.c_str(), errno_text(code).c_str());
}

std::string local_address(int fd)
{
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto *generic = reinterpret_cast<sockaddr *>(&storage);
    if (getsockname(fd, generic, &size) < 0)
        fail_errno("descriptor %d has no address", fd);
    if (storage.ss_family == AF_UNIX)
        return reinterpret_cast<sockaddr_un *>(&storage)->sun_path;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int code = getnameinfo(generic, size, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        fail(EADDRNOTAVAIL, "descriptor %d: %s", fd, gai_strerror(code));
    return (storage.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host) + ":" + port;
}

bool tune_tcp(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
        fail_errno("descriptor %d is no socket", fd);
    if (domain != AF_INET && domain != AF_INET6)
        return false;
    auto set = [fd](int level, int name, int value) {
        setsockopt(fd, level, name, &value, sizeof value); // an old kernel lacks some; no harm
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
    set(IPPROTO_TCP, TCP_KEEPCNT, 6);
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
    return true;
}

std::string peer_host(int fd)
{
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    char host[NI_MAXHOST];
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&address), &length) != 0 ||
        getnameinfo(reinterpret_cast<sockaddr *>(&address), length, host, sizeof host, nullptr, 0,
                    NI_NUMERICHOST) != 0)
        return "?";
    return host;
}

bool is_unix_socket(int fd) noexcept
{
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    return getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length) == 0 &&
           address.ss_family == AF_UNIX;
}

} // namespace vgpu::wire
