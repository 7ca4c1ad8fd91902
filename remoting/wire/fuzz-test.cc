// SPDX-License-Identifier: Apache-2.0
// The fuzz targets over honest inputs with a few random changes, the same on each run.
#include "remoting/wire/fuzz.h"
#include "remoting/wire/handshake.h"

#include <gtest/gtest.h>

#include <random>

namespace vgpu::wire
{

static void mutate_and_run(void (*target)(std::span<const std::byte>), const std::string &seed)
{
    std::mt19937 random(42);
    target(std::as_bytes(std::span(seed)));
    for (int i = 0; i < 3000; ++i) {
        std::string input = seed;
        for (unsigned changes = random() % 4; changes--;) {
            size_t at = random() % (input.size() + 1);
            switch (random() % 3) {
            case 0:
                input.insert(at, 1, char(random()));
                break;
            case 1:
                input.erase(at, 1 + random() % 4);
                break;
            case 2:
                if (at < input.size())
                    input[at] = char(random());
                break;
            }
        }
        target(std::as_bytes(std::span(input)));
    }
}

TEST(Fuzz, Blocks)
{
    // Five bytes as they are, then 595 alike, compressed.
    mutate_and_run(fuzz_blocks, std::string("\5\0\0\0\5\0\0\0abcde"
                                            "\x53\2\0\0\x0d\0\0\0"
                                            "\x1f"
                                            "a\1\0\xff\xff\x3c\x50"
                                            "aaaaa",
                                            34));
}

TEST(Fuzz, Codec)
{
    mutate_and_run(fuzz_codec,
                   std::string("\0\1\2\3\4\5\6\0\1\2\3\4\5\6\4\5", 16) + std::string(200, '\0'));
}

TEST(Fuzz, Frame)
{
    Challenge challenge = make_challenge("gpu1", "0000000000000000", AuthConfig::Method::key);
    auto hello = Map()
                     .set("type", "hello")
                     .set("protocol", kProtocol)
                     .set("role", "session")
                     .set("host", "c1")
                     .set("pid", 5)
                     .set("auth", "key")
                     .set("uid", 1000)
                     .set("lease", "0123456789abcdef")
                     .set("channel", "ring")
                     .set("api", 1)
                     .set("nonce", std::span<const std::byte>(challenge.nonce))
                     .set("encrypt", false);
    auto proof =
        Map().set("type", "proof").set("credential", std::span<const std::byte>(challenge.nonce));
    mutate_and_run(fuzz_frame, frame_bytes(pack_challenge(challenge)) + frame_bytes(hello.pack()) +
                                   frame_bytes(proof.pack()));
}

TEST(Fuzz, Lease)
{
    LeaseFile lease;
    lease.lease = "0123456789abcdef";
    lease.node = "gpu1";
    lease.address = "[::1]:80";
    lease.socket = "/a b";
    lease.slices = {{0, "GPU-1", 4096, 50}, {1, "GPU-2", 0, 0}};
    mutate_and_run(fuzz_lease, format_lease(lease));
}

TEST(Fuzz, Options)
{
    mutate_and_run(fuzz_options,
                   "A=1.5G B=5min\\\n C=[::1]:80 # x\nD=x E=50% F=\"a b\" G=-5 H=on\n");
}

} // namespace vgpu::wire
