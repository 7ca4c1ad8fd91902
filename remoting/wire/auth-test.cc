// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/hex.h"
#include "remoting/base/random.h"
#include "remoting/wire/auth.h"
#include "remoting/wire/lease-file.h"
#include "remoting/wire/testing.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

namespace vgpu::wire
{

static Digest digest(unsigned char seed)
{
    Digest out;
    out.fill(std::byte(seed));
    return out;
}

static void write(const std::string &path, const std::string &content, mode_t mode = 0600)
{
    unlink(path.c_str());
    std::ofstream(path) << content;
    chmod(path.c_str(), mode);
}

class KeyAuth : public testing::Test
{
protected:
    KeyAuth()
    {
        config_.method = AuthConfig::Method::key;
        config_.key_file = scratch_ / "key";
        make_key_file(config_.key_file);
    }
    int verify(unsigned char seed, std::span<const std::byte> credential)
    {
        return refusal([&] {
                   verify_credential(config_, End::connector, digest(seed), credential, 1000);
               })
            .code;
    }
    Scratch scratch_;
    AuthConfig config_;
};

TEST_F(KeyAuth, ProvesWhatWasSigned)
{
    auto credential = make_credential(config_, End::connector, digest(1));
    EXPECT_EQ(verify_credential(config_, End::connector, digest(1), credential, 1000), 1000u);
}

TEST_F(KeyAuth, RefusesEverythingElse)
{
    auto credential = make_credential(config_, End::connector, digest(1));
    EXPECT_EQ(verify(2, credential), EACCES); // other words, or replayed on another connection
    EXPECT_EQ(verify(1, {}), EACCES);
    EXPECT_EQ(verify(1, std::span(credential).first(31)), EACCES);
    for (size_t i = 0; i < credential.size(); ++i) {
        auto forged = credential;
        forged[i] ^= std::byte(1);
        EXPECT_EQ(verify(1, forged), EACCES) << i;
    }
    unlink(config_.key_file.c_str());
    make_key_file(config_.key_file); // another key
    EXPECT_EQ(verify(1, credential), EACCES);
}

TEST_F(KeyAuth, NoEndIsAnsweredWithItsOwnCredential)
{
    auto connector = make_credential(config_, End::connector, digest(1));
    EXPECT_EQ(refusal([&] { verify_acceptor(config_, digest(1), connector); }).code, EACCES);
    auto acceptor = make_credential(config_, End::acceptor, digest(1));
    EXPECT_EQ(refusal([&] { verify_acceptor(config_, digest(1), acceptor); }).text, "accepted");
    EXPECT_EQ(verify(1, acceptor), EACCES);
}

TEST(Transcript, DependsOnEveryByteAndOnWhereItStands)
{
    auto of = [](std::string_view a, std::string_view b) {
        return transcript_of(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
    };
    EXPECT_EQ(of("ab", "c"), of("ab", "c"));
    EXPECT_NE(of("ab", "c"), of("a", "bc"));
    EXPECT_NE(of("ab", "c"), of("ab", "d"));
    EXPECT_NE(of("", "ab"), of("ab", ""));
}

TEST_F(KeyAuth, KeyFilesAreJudged)
{
    auto reason = [&] { return refusal([&] { read_key_file(config_.key_file); }); };
    EXPECT_EQ(reason().code, 0);
    EXPECT_EQ(refusal([&] { make_key_file(config_.key_file); }).code, EEXIST);
    for (mode_t mode : {0640, 0604, 0660, 0666, 0610}) {
        chmod(config_.key_file.c_str(), mode);
        EXPECT_EQ(reason().code, EACCES) << mode;
    }
    EXPECT_NE(reason().text.find("chmod 600 it"), std::string::npos);
    for (const char *bad : {"", "abcd\n", "not hexadecimal digits at all"}) {
        write(config_.key_file, bad);
        EXPECT_EQ(reason().code, EINVAL) << bad;
    }
    write(config_.key_file, std::string(66, 'a'));
    EXPECT_EQ(reason().code, EINVAL);
    write(config_.key_file, std::string(64, 'a') + "\n");
    EXPECT_EQ(reason().code, 0);
    unlink(config_.key_file.c_str());
    EXPECT_EQ(reason().code, ENOENT);
    mkdir(config_.key_file.c_str(), 0700);
    EXPECT_EQ(reason().code, EACCES);
}

TEST_F(KeyAuth, SomebodyElsesKeyIsRefused)
{
    if (geteuid() != 0)
        GTEST_SKIP() << "only root can give a file away";
    ASSERT_EQ(chown(config_.key_file.c_str(), 12345, 12345), 0);
    EXPECT_EQ(refusal([&] { read_key_file(config_.key_file); }).code, EACCES);
}

TEST(EqualBytes, Compares)
{
    EXPECT_TRUE(equal_bytes(digest(1), digest(1)));
    EXPECT_FALSE(equal_bytes(digest(1), digest(2)));
    EXPECT_FALSE(equal_bytes(digest(1), {}));
    EXPECT_TRUE(equal_bytes({}, {}));
}

// ---- the lease file
// -------------------------------------------------------------------------------

static LeaseFile sample()
{
    LeaseFile out;
    out.lease = "0123456789abcdef";
    out.node = "gpu1";
    out.instance = "fedcba9876543210";
    out.address = "gpu1:7071";
    out.socket = "/run/vgpu/vgpud socket";
    out.auth.method = AuthConfig::Method::key;
    out.auth.key_file = "/home/u/.vgpu.key";
    out.auth.encrypt = true;
    out.slices = {{0, "GPU-12345678", 4ull << 30, 50}, {1, "soft-0", 1000, 0}};
    out.channel = "tcp";
    return out;
}

TEST(Lease, RoundTrip)
{
    Scratch scratch;
    std::string path = scratch / "lease";
    write_lease_file(path, sample(), geteuid(), getegid());
    struct stat info;
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600u);
    LeaseFile got = read_lease_file(path);
    EXPECT_EQ(format_lease(got), format_lease(sample()));
    EXPECT_EQ(got.slices[0].memory, 4ull << 30);
    EXPECT_EQ(got.slices[1].device, "soft-0");
    EXPECT_EQ(got.socket, "/run/vgpu/vgpud socket");
    EXPECT_TRUE(got.auth.encrypt);
    write_lease_file(path, sample(), geteuid(), getegid()); // over the old one
}

TEST(Lease, OwnerAndModeAreChecked)
{
    Scratch scratch;
    std::string path = scratch / "lease";
    write(path, format_lease(sample()), 0644);
    EXPECT_EQ(refusal([&] { read_lease_file(path); }).code, EACCES);
    chmod(path.c_str(), 0600);
    EXPECT_EQ(refusal([&] { read_lease_file(path); }).code, 0);
    EXPECT_EQ(refusal([&] { read_lease_file(scratch / "none"); }).code, ENOENT);
    write(path, std::string(100'000, '\n'));
    EXPECT_EQ(refusal([&] { read_lease_file(path); }).code, EFBIG);
    unlink(path.c_str());
    mkdir(path.c_str(), 0700);
    EXPECT_EQ(refusal([&] { read_lease_file(path); }).code, EACCES);
}

static std::string parse_reason(const std::string &from, const std::string &to)
{
    std::string content = format_lease(sample());
    size_t at = content.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
    return refusal([&] { parse_lease(content, "lease"); }).text;
}

TEST(Lease, BadOnesAreRefused)
{
    EXPECT_EQ(parse_reason("gpu1\n", "gpu2\n"), "accepted");
    EXPECT_EQ(parse_reason("Version=1\n", ""), "lease: no Version");
    EXPECT_EQ(parse_reason("Version=1", "Version=2"),
              "lease: this Version is not known: install the same slurm-vgpu on both hosts");
    EXPECT_EQ(parse_reason("Node=", "Colour="), "lease:3: unknown key 'Colour'");
    EXPECT_EQ(parse_reason("Node=gpu1\n", ""), "lease: no Node");
    EXPECT_EQ(parse_reason("Lease=0123", "Lease=012"),
              "lease: Lease must have 16 hexadecimal digits");
    EXPECT_EQ(parse_reason("KeyFile=/home/u/.vgpu.key\n", ""), "lease: Auth=key needs KeyFile");
    EXPECT_EQ(parse_reason("Auth=key", "Auth=none"),
              "lease:7: Auth: 'none' is not one of munge|key");
    EXPECT_EQ(parse_reason("Slices=0:", "Slices=1:"),
              "lease:10: Slices: slice 1 where 0 is expected");
    EXPECT_EQ(parse_reason("Slices=0:", "Slices=x:"),
              "lease:10: Slices: 'x' is not a whole number");
    EXPECT_NE(parse_reason(":50,", ":101,"), "accepted");
    EXPECT_NE(parse_reason(":50,", ":50,,"), "accepted");
    EXPECT_NE(parse_reason("soft-0:1000:0", "soft-0:1000:0,"), "accepted");
    EXPECT_NE(parse_reason("soft-0:1000:0", "soft-0:1000"), "accepted");
    EXPECT_NE(parse_reason("soft-0", ""), "accepted");
    EXPECT_EQ(refusal([] { parse_lease("", "lease"); }).text, "lease: no Version");
}

} // namespace vgpu::wire
