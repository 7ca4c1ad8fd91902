// SPDX-License-Identifier: Apache-2.0
// A stream of frames, in pieces, and what both sides of a handshake make of each.
#include "remoting/wire/fuzz.h"
#include "remoting/wire/handshake.h"

using namespace vgpu::wire;

FUZZ_TARGET(fuzz_frame)(std::span<const std::byte> input)
{
    static const Challenge challenge =
        make_challenge("node", "0000000000000000", AuthConfig::Method::key);
    // No such file: the judgement ends before a credential is compared, after all fields were read.
    static const AuthConfig auth{AuthConfig::Method::key, "", "/nonexistent"};
    FrameReader reader(kMaxOpeningFrame);
    size_t half = input.size() / 2;
    for (auto part : {input.first(half), input.subspan(half)}) {
        reader.feed(part);
        try {
            while (auto payload = reader.next_payload()) {
                try {
                    verify_hello(*payload, *payload, challenge, auth);
                } catch (const vgpu::Error &) {
                }
                try {
                    parse_frame(*payload, kMaxOpeningFrame);
                } catch (const vgpu::Error &) {
                    return;
                }
                try {
                    parse_challenge(parse_frame(*payload, kMaxOpeningFrame).get());
                } catch (const vgpu::Error &) {
                }
            }
        } catch (const vgpu::Error &) {
            return;
        }
    }
}
