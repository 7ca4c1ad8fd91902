// SPDX-License-Identifier: Apache-2.0
// The door at which other processes ask for what a session shares: whom it answers, whom the one
// that asks believes, and what it makes of bytes that nobody of ours sends. By sockets of the
// test's own, made from HACKING.md, "IPC".
#include "remoting/base/fd.h"
#include "remoting/server/sharing.h"
#include "remoting/wire/descriptors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vgpu::server
{
namespace
{

constexpr uid_t kNobody = 65534;
constexpr size_t kReply = 4 + 4 + 3 * 8 + 16 + sizeof(CUipcEventHandle) + 8;

Fd door_socket(uint64_t door, int (*call)(int, const sockaddr *, socklen_t))
{
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "slurm-vgpu/ipc/%016llx",
                     (unsigned long long)door);
    if (call(socket.get(), reinterpret_cast<sockaddr *>(&address),
             socklen_t(offsetof(sockaddr_un, sun_path) + 1 + size_t(n))) < 0)
        return {};
    return socket;
}

std::string text_of(std::span<const std::byte> bytes)
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

// What asks for that handle, in the name of a lease and a job.
std::string request_for(const api::IpcHandle &handle, const std::string &lease,
                        const std::string &job)
{
    return text_of(handle.secret) + lease + '\0' + job;
}

// What the other end says: "closed" if nothing, "silent" if it waits.
std::string heard(const Fd &line)
{
    char reply[4096];
    if (!wait_for(line.get(), POLLIN, Deadline::after_ms(20000)))
        return "silent";
    ssize_t n = recv(line.get(), reply, sizeof(reply), 0);
    return n > 0 ? std::string(reply, size_t(n)) : "closed";
}

std::string asked(uint64_t door, const std::string &request)
{
    Fd line = door_socket(door, connect);
    if (!line)
        return "no door";
    // It may have been closed to us already.
    if (send(line.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
        return "closed";
    return heard(line);
}

uint32_t code_of(const std::string &reply)
{
    uint32_t code = ~0u;
    EXPECT_EQ(reply.size(), kReply) << reply;
    if (reply.size() == kReply)
        std::memcpy(&code, reply.data(), sizeof(code));
    return code;
}

// What `work` says in a process of that user. Once it has called what it is given, `beside` runs
// here.
std::string as_user(
    uid_t uid, const std::function<std::string(const std::function<void()> &)> &work,
    const std::function<void()> &beside = [] {})
{
    int ends[2];
    if (pipe(ends) < 0)
        return "no pipe";
    Fd output(ends[0]), input(ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        auto say = [&](const std::string &text) {
            write_all(input.get(), std::as_bytes(std::span(text)), Deadline::after_ms(5000));
        };
        if (setresuid(uid, uid, uid) == 0)
            say(work([&] { say("!"); }));
        _exit(0);
    }
    input.reset();
    char there = 0;
    if (read(output.get(), &there, 1) != 1)
        there = 0;
    if (there == '!')
        beside();
    std::string said = read_all(output.get(), 8192, "the child");
    waitpid(pid, nullptr, 0);
    return there == '!' ? said : there + said;
}

class DoorTest : public testing::Test
{
protected:
    DoorTest()
    {
        for (Sharing *each : {&one, &two}) {
            each->take_over = [](size_t, uint64_t) {};
            each->introduce({"gpu1", "aa", "7"});
        }
        // Of an event there is no descriptor; memory has one.
        event = one.offer(1, 1, {.kind = api::IpcKind::event});
        memory = one.offer(1 << 21, 1 << 21, {.mapping_bytes = 1 << 21, .bytes = 4});
        EXPECT_TRUE(one.complete(memory, memfd("memory", 4096)));
    }

    std::string ask(const api::IpcHandle &handle)
    {
        return asked(handle.door, request_for(handle, "aa", "7"));
    }

    Sharing one, two;
    api::IpcHandle event, memory;
};

TEST_F(DoorTest, AnswersItsOwnUserAlone)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can act as another user";
    for (const api::IpcHandle &handle : {event, memory}) {
        auto work = [&](const std::function<void()> &) { return ask(handle); };
        EXPECT_EQ(code_of(as_user(0, work)), CUDA_SUCCESS);
        EXPECT_EQ(as_user(kNobody, work), "closed");
    }
    EXPECT_EQ(code_of(ask(memory)), CUDA_SUCCESS); // it is still there for its own
}

// Else another user could have a descriptor of his imported, and would see who asks for what.
TEST_F(DoorTest, AsksItsOwnUserAlone)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can act as another user";
    api::IpcHandle theirs = memory;
    theirs.secret[0] ^= std::byte(1);
    std::optional<Sharing::Refusal> refusal;
    uint64_t ticket = 0;
    auto fetch = [&] { refusal = two.fetch(std::as_bytes(std::span(&theirs, 1)), ticket); };
    // Answers what a worker of ours would, but for the descriptor.
    auto work = [&](const std::function<void()> &ready) -> std::string {
        Fd door = door_socket(theirs.door, bind);
        if (!door || listen(door.get(), 8) < 0)
            return "no door";
        ready();
        Fd caller(accept(door.get(), nullptr, nullptr));
        std::string request = heard(caller), reply(kReply, '\0');
        reply[4] = char(api::IpcKind::event);
        send(caller.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        return request;
    };
    theirs.door ^= 2;
    EXPECT_EQ(as_user(0, work, fetch), request_for(theirs, "aa", "7"));
    EXPECT_FALSE(refusal);
    theirs.door ^= 4;
    EXPECT_EQ(as_user(kNobody, work, fetch), "closed");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, CUDA_ERROR_INVALID_VALUE);
}

TEST_F(DoorTest, AnswersNothingToWhatIsNoRequest)
{
    std::string good = request_for(memory, "aa", "7");
    EXPECT_EQ(asked(memory.door, ""), "closed");
    EXPECT_EQ(asked(memory.door, good.substr(0, 15)), "closed");
    EXPECT_EQ(asked(memory.door, good.substr(0, 16) + std::string(513, 'a')), "closed");
    EXPECT_EQ(asked(memory.door, good.substr(0, 16) + std::string(100000, 'a')), "closed");
    // Of the right size: a refusal, and none of what is offered.
    EXPECT_EQ(code_of(asked(memory.door, good.substr(0, 16))), CUDA_ERROR_NOT_PERMITTED);
    EXPECT_EQ(code_of(asked(memory.door, good.substr(0, 16) + std::string(512, 'a'))),
              CUDA_ERROR_NOT_PERMITTED);
    std::mt19937 random(7);
    const std::string refused = std::string("\1", 1) + std::string(kReply - 1, '\0');
    for (int i = 0; i < 2000; ++i) {
        std::string request(random() % 640, '\0');
        for (char &c : request)
            c = char(random());
        std::string answer = asked(memory.door, request);
        EXPECT_EQ(answer, request.size() < 16 || request.size() > 528 ? "closed" : refused)
            << request.size() << " bytes";
    }
    // Descriptors are not asked for, and not kept.
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    Fd reader(ends[0]), writer(ends[1]);
    Fd line = door_socket(memory.door, connect);
    int fd = writer.get();
    EXPECT_GT(wire::send_with_descriptors(line.get(), std::as_bytes(std::span(good)), {&fd, 1}), 0);
    EXPECT_EQ(code_of(heard(line)), CUDA_SUCCESS);
    writer.reset();
    char byte;
    EXPECT_TRUE(wait_for(reader.get(), POLLIN, Deadline::after_ms(20000)));
    EXPECT_EQ(read(reader.get(), &byte, 1), 0);
    EXPECT_EQ(code_of(ask(memory)), CUDA_SUCCESS);
}

// Who comes and says nothing is in nobody's way.
TEST_F(DoorTest, LetsTheOldestGoWhoHasNotAsked)
{
    std::vector<Fd> silent;
    for (int i = 0; i < 64; ++i)
        silent.push_back(door_socket(memory.door, connect));
    // The last is answered, so all before it have come in.
    EXPECT_EQ(code_of(ask(memory)), CUDA_SUCCESS);
    EXPECT_EQ(heard(silent.front()), "closed");
    std::string request = request_for(memory, "aa", "7");
    EXPECT_GT(send(silent.back().get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
    EXPECT_EQ(code_of(heard(silent.back())), CUDA_SUCCESS);
}

// Whoever is of the same user can listen; what he says is refused, and the session lives.
TEST_F(DoorTest, BelievesNoAnswerThatIsNone)
{
    api::IpcHandle theirs = memory;
    theirs.secret[0] ^= std::byte(1);
    theirs.door ^= 8;
    Fd door = door_socket(theirs.door, bind), passed = memfd("passed", 4096);
    ASSERT_TRUE(door);
    ASSERT_EQ(listen(door.get(), 8), 0);
    auto fetch = [&](std::string reply, size_t descriptors) {
        std::thread answers([&] {
            Fd caller(accept(door.get(), nullptr, nullptr));
            heard(caller);
            alignas(cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))] = {};
            iovec piece{reply.data(), reply.size()};
            msghdr message{};
            message.msg_iov = &piece;
            message.msg_iovlen = 1;
            if (descriptors) {
                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
                cmsghdr *header = CMSG_FIRSTHDR(&message);
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
                std::vector<int> fds(descriptors, passed.get());
                std::memcpy(CMSG_DATA(header), fds.data(), descriptors * sizeof(int));
            }
            sendmsg(caller.get(), &message, MSG_NOSIGNAL);
        });
        uint64_t ticket = 0;
        auto refusal = two.fetch(std::as_bytes(std::span(&theirs, 1)), ticket);
        answers.join();
        return refusal ? refusal->code : CUDA_SUCCESS;
    };
    std::string event_reply(kReply, '\0'), memory_reply(kReply, '\0'), failed(kReply, '\0');
    event_reply[4] = char(api::IpcKind::event);
    failed[0] = 1;
    EXPECT_EQ(fetch(event_reply, 0), CUDA_SUCCESS);
    EXPECT_EQ(fetch(memory_reply, 1), CUDA_SUCCESS);
    EXPECT_EQ(fetch(event_reply, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(memory_reply, 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(memory_reply, 2), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(memory_reply, 16), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(failed, 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch("", 0), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(memory_reply.substr(1), 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(fetch(memory_reply + "longer", 1), CUDA_ERROR_INVALID_VALUE);
}

} // namespace
} // namespace vgpu::server
