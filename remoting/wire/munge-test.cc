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
    explicit Munged(char key_byte) : socket(scratch_ / "socket")
    {
        std::ofstream(scratch_ / "key") << std::string(64, key_byte);
        chmod((scratch_ / "key").c_str(), 0600);
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
                  arguments[1].c_str(), arguments[2].c_str(), arguments[3].c_str(), nullptr);
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
        nonce_.fill(std::byte(1));
    }
    Nonce nonce_;
};

TEST_F(MungeAuth, ProvesTheUidAndNothingElse)
{
    Munged munged('k');
    AuthConfig config{AuthConfig::Method::munge, munged.socket, ""};
    auto credential = make_credential(config, nonce_, "lease", 0);
    // The uid claimed counts for nothing.
    EXPECT_EQ(verify_credential(config, nonce_, "lease", credential, 4711), geteuid());

    auto verify = [&](std::string_view lease, const Nonce &nonce, auto &what) {
        return refusal([&] { verify_credential(config, nonce, lease, what, 0); });
    };
    // MUNGE itself remembers what it has decoded.
    EXPECT_NE(verify("lease", nonce_, credential).text.find("eplayed"), std::string::npos);

    auto second = make_credential(config, nonce_, "lease", 0);
    EXPECT_EQ(verify("other", nonce_, second).text,
              "munge: the credential was made for another connection or lease");
    auto third = make_credential(config, nonce_, "lease", 0);
    Nonce fresh;
    fresh.fill(std::byte(2));
    EXPECT_EQ(verify("lease", fresh, third).code, EACCES);

    auto forged = make_credential(config, nonce_, "lease", 0);
    forged[forged.size() / 2] ^= std::byte(1);
    EXPECT_EQ(verify("lease", nonce_, forged).code, EACCES);
    std::vector<std::byte> empty;
    EXPECT_EQ(verify("lease", nonce_, empty).code, EACCES);
}

TEST_F(MungeAuth, AnotherSitesKeyIsRefusedWithAdvice)
{
    Munged ours('k'), theirs('x');
    auto credential =
        make_credential({AuthConfig::Method::munge, theirs.socket, ""}, nonce_, "", 0);
    Refusal why = refusal([&] {
        verify_credential({AuthConfig::Method::munge, ours.socket, ""}, nonce_, "", credential, 0);
    });
    EXPECT_EQ(why.code, EACCES);
    EXPECT_NE(why.text.find("do the two hosts have the same munge.key?"), std::string::npos)
        << why.text;
}

TEST(Munge, SaysWhatToDoWithoutTheDaemon)
{
    Nonce nonce{};
    AuthConfig config{AuthConfig::Method::munge, "/nonexistent/munge.socket", ""};
    Refusal why = refusal([&] { make_credential(config, nonce, "lease", 0); });
    EXPECT_EQ(why.code, EACCES);
    EXPECT_EQ(why.text.substr(0, 7), "munge: ");
    EXPECT_NE(why.text.find("is munged running on this host?"), std::string::npos) << why.text;
}

} // namespace vgpu::wire
