// SPDX-License-Identifier: Apache-2.0
// vgpu.conf: the one table of options, and what was read from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "remoting/base/options.h"
#include "remoting/wire/auth.h"

namespace vgpu::control
{

/// A class of sessions on the network.
struct QosClass {
    uint32_t weight;
    uint64_t cap; // bits a second of a lease; 0: none
};

/// Everything vgpu.conf says, with defaults filled in. One file serves daemons, plugins and tools.
struct Conf {
    std::string path; // the file it was read from; empty when there was none

    wire::AuthConfig auth; // AuthType, MungeSocket, KeyFile, Encrypt, SlurmUser

    std::string vgpuctld_host; // empty: there is no vgpuctld, every vgpud stands alone
    uint16_t vgpuctld_port;
    std::string vgpud_addr; // empty: the node's own name for others, all addresses to listen on
    uint16_t vgpud_port;    // 0: any free one
    std::string vgpud_socket;

    std::string node_name; // never empty
    std::string spool_dir;
    std::string state_save_location;
    std::string slurm_user;
    std::string pid_file;
    std::string log_file;
    std::string debug_level;

    std::string driver;        // empty: the system's libcuda.so.1, else the software GPU
    std::string libraries;     // folders, with colons between
    std::string channel;       // auto, shm, unix, tcp
    uint64_t ring_size;        // bytes of one direction
    bool compression;          // of large copies, where the path is slow
    uint64_t copy_window;      // bytes of a session's large copies under way, one way
    uint32_t copy_connections; // of a session's large copies
    uint32_t reconnect_time;   // seconds; 0: sessions end with their connection
    uint64_t link_rate;        // bits a second, one way; 0: measured
    std::string default_qos;   // latency, normal, bulk
    QosClass latency, normal, bulk;
    const QosClass &qos_class(std::string_view name) const; // what is unknown is normal
    uint32_t lease_timeout;                                 // seconds
    uint32_t heartbeat_interval;                            // seconds
    uint32_t slices_per_device;
    uint64_t default_memory; // 0: device memory / slices_per_device
    uint32_t default_cores;
    uint32_t max_sessions;          // per lease
    uint32_t max_sessions_per_user; // on one node; 0: any number
    uint32_t max_connection_rate;   // of one host or user; 0: any number
};

/// Where vgpu.conf is: $VGPU_CONF, else the directory chosen at configure time.
std::string default_conf_path();

/// Reads `path`. A missing file, an unknown key or a bad value throws Error with "file:line: ...".
Conf load_conf(const std::string &path);

/// The same from a text; `name` stands before every complaint.
Conf parse_conf(std::string_view text, const std::string &name);

/// $VGPU_CONF or the default file if it exists, else the defaults alone.
Conf load_conf();

/// What a command line said, as pairs of an option's `cli` name and its value.
using Arguments = std::vector<std::pair<std::string, std::string>>;

/// For the daemons: the file at `path` (empty: as above), then the environment that the table
/// names, then the command line. Plugins and tools read the file alone, since their environment is
/// the user's.
Conf load_daemon_conf(const std::string &path, const Arguments &arguments);

/// The table itself: the daemons' --help and vgpu.conf(5) are made from it.
std::span<const Option> conf_table();

} // namespace vgpu::control
