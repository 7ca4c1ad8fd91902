// SPDX-License-Identifier: Apache-2.0
// What authentication costs: a control connection opened and proved, beside one that was only
// greeted.
//
//   opening LABEL ADDRESS key|munge FILE ROUNDS   FILE: the key, or MUNGE's socket
#include "remoting/wire/opening.h"
#include "bench/measure.h"
#include "remoting/base/error.h"
#include "remoting/wire/address.h"
#include "remoting/wire/handshake.h"

#include <cstdlib>
#include <string>

using namespace vgpu;

int main(int argc, char **argv)
try {
    if (argc != 6)
        return std::fprintf(stderr, "bench/opening is run by bench/run\n"), 2;
    const std::string label = argv[1], address = argv[2], method = argv[3];
    wire::AuthConfig auth;
    auth.method = method == "key" ? wire::AuthConfig::Method::key : wire::AuthConfig::Method::munge;
    (method == "key" ? auth.key_file : auth.munge_socket) = argv[4];
    bench::Samples greeted, proved;
    for (int i = 0; i < std::atoi(argv[5]); i++) {
        greeted.add(bench::timed([&] {
            wire::Opening greeting(
                wire::connect_to(address, Deadline::after_ms(wire::kHandshakeMs)), auth,
                wire::kHandshakeMs);
        }));
        proved.add(bench::timed([&] { wire::connect_control(address, "tool", auth); }));
    }
    bench::report(label.c_str(), proved.median() * 1e6, "us", greeted.median() * 1e6);
    return 0;
} catch (const Error &error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
}
