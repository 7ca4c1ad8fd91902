// SPDX-License-Identifier: Apache-2.0
// Against a munged of our own, with its own key and socket.
#include "remoting/wire/address.h"
#include "remoting/wire/auth.h"
#include "remoting/wire/munge.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vgpu::wire
{

static const char *munged_path()
{
    for (const char *path : {"/usr/sbin/munged", "/usr/local/sbin/munged"}) {
        if (access(path, X_OK) == 0)
            return path;
    }
    return nullptr;
}

class Munged
{
public:
    explicit Munged(char key_byte, const char *more = nullptr) : socket(scratch_ / "socket")
    {
        std::ofstream(scratch_ / "key") << std::string(64, key_byte);
        chmod((scratch_ / "key").c_str(), 0600);
        chmod((scratch_ / "").c_str(), 0711); // for another user's socket
        std::string arguments[] = {"--key-file=" + (scratch_ / "key"), "--socket=" + socket,
                                   "--pid-file=" + (scratch_ / "pid"),
                                   "--seed-file=" + (scratch_ / "seed")};
        const char *path = munged_path();
        pid_ = fork();
        if (pid_ == 0) {
            int null = open("/dev/null", O_RDWR);
            dup2(null, 1);
            dup2(null, 2);
            execl(path, path, "--foreground", "--force", "--num-threads=1", arguments[0].c_str(),
                  arguments[1].c_str(), arguments[2].c_str(), arguments[3].c_str(), more, nullptr);
            _exit(127);
        }
        // It is ready when its socket answers.
        for (Deadline deadline = Deadline::after_ms(10'000); !deadline.expired();) {
            if (refusal([&] { connect_to(socket, Deadline::after_ms(100)); }).code == 0)
                return;
            poll(nullptr, 0, 10);
        }
    }
    ~Munged()
    {
        kill(pid_, SIGTERM);
        waitpid(pid_, nullptr, 0);
    }

private:
    Scratch scratch_;
    pid_t pid_ = -1;

public:
    const std::string socket;
};

class MungeAuth : public testing::Test
{
protected:
    void SetUp() override
    {
        if (!munged_path())
            GTEST_SKIP() << "munged is not installed";
        transcript_.fill(std::byte(1));
    }
    Digest transcript_;
};

TEST_F(MungeAuth, ProvesTheUidAndNothingElse)
{
    Munged munged('k');
    AuthConfig config{AuthConfig::Method::munge, munged.socket, ""};
    auto make = [&] { return make_credential(config, End::connector, transcript_); };
    auto credential = make();
    // The uid claimed counts for nothing.
    EXPECT_EQ(verify_credential(config, End::connector, transcript_, credential, 4711), geteuid());

    auto verify = [&](End by, const Digest &transcript, const auto &what) {
        return refusal([&] { verify_credential(config, by, transcript, what, 0); });
    };
    // MUNGE itself remembers what it has decoded.
    EXPECT_NE(verify(End::connector, transcript_, credential).text.find("eplayed"),
              std::string::npos);
    Digest other;
    other.fill(std::byte(2));
    EXPECT_EQ(verify(End::connector, other, make()).text,
              "munge: the credential was made for another connection, or for other words");
    EXPECT_EQ(verify(End::acceptor, transcript_, make()).code, EACCES);

    auto forged = make();
    forged[forged.size() / 2] ^= std::byte(1);
    EXPECT_EQ(verify(End::connector, transcript_, forged).code, EACCES);
    EXPECT_EQ(verify(End::connector, transcript_, std::vector<std::byte>()).code, EACCES);
}

TEST_F(MungeAuth, AnExpiredCredentialIsRefused)
{
    Munged munged('k', "--max-ttl=1");
    AuthConfig config{AuthConfig::Method::munge, munged.socket, ""};
    auto credential = make_credential(config, End::connector, transcript_);
    // MUNGE counts whole seconds.
    for (time_t made = time(nullptr); time(nullptr) < made + 3;)
        poll(nullptr, 0, 50);
    Refusal why =
        refusal([&] { verify_credential(config, End::connector, transcript_, credential, 0); });
    EXPECT_EQ(why.code, EACCES);
    EXPECT_NE(why.text.find("xpired"), std::string::npos) << why.text;
}

// A credential that another user of this machine has made.
static std::vector<std::byte> made_by(uid_t uid, const AuthConfig &config, const Digest &transcript)
{
    int ends[2];
    if (pipe(ends) != 0)
        return {};
    const Fd output(ends[0]);
    Fd input(ends[1]);
    const pid_t pid = fork();
    if (pid == 0) {
        int status = 1;
        if (setresuid(uid, uid, uid) == 0) {
            auto credential = make_credential(config, End::acceptor, transcript);
            write_all(input.get(), credential, Deadline::after_ms(5000));
            status = 0;
        }
        _exit(status);
    }
    input.reset();
    const std::string text = read_all(output.get(), 4096, "the child");
    waitpid(pid, nullptr, 0);
    auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

TEST_F(MungeAuth, ADaemonOfAnotherUserIsNotBelieved)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can act as another user";
    Munged munged('k');
    AuthConfig config{AuthConfig::Method::munge, munged.socket, ""};
    auto own = make_credential(config, End::acceptor, transcript_);
    EXPECT_EQ(refusal([&] { verify_acceptor(config, transcript_, own); }).text, "accepted");
    constexpr uid_t kNobody = 65534;
    EXPECT_EQ(refusal([&] {
                  verify_acceptor(config, transcript_, made_by(kNobody, config, transcript_));
              }).text,
              "it runs as uid 65534, and not as root, SlurmUser or yourself");
    const passwd *nobody = getpwuid(kNobody);
    if (!nobody)
        return;
    config.daemon_user = nobody->pw_name; // SlurmUser
    EXPECT_EQ(refusal([&] {
                  verify_acceptor(config, transcript_, made_by(kNobody, config, transcript_));
              }).text,
              "accepted");
}

TEST_F(MungeAuth, AnotherSitesKeyIsRefusedWithAdvice)
{
    Munged ours('k'), theirs('x');
    auto credential = make_credential({AuthConfig::Method::munge, theirs.socket, ""},
                                      End::connector, transcript_);
    Refusal why = refusal([&] {
        verify_credential({AuthConfig::Method::munge, ours.socket, ""}, End::connector, transcript_,
                          credential, 0);
    });
    EXPECT_EQ(why.code, EACCES);
    EXPECT_NE(why.text.find("do the two hosts have the same munge.key?"), std::string::npos)
        << why.text;
}

TEST(Munge, SaysWhatToDoWithoutTheDaemon)
{
    AuthConfig config{AuthConfig::Method::munge, "/nonexistent/munge.socket", ""};
    Refusal why = refusal([&] { make_credential(config, End::connector, Digest()); });
    EXPECT_EQ(why.code, EACCES);
    EXPECT_EQ(why.text.substr(0, 7), "munge: ");
    EXPECT_NE(why.text.find("is munged running on this host?"), std::string::npos) << why.text;
}

} // namespace vgpu::wire
