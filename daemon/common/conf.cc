// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/conf.h"

#include <cerrno>
#include <unistd.h>

#include "daemon/common/lease.h"
#include "remoting/base/error.h"
#include "remoting/base/variables.h"
#include "remoting/wire/ring.h"

namespace vgpu::control
{

namespace
{

using Type = Option::Type;

// The manual page vgpu.conf(5) is made of these texts.
const Option kTable[] = {
    {"AuthType", "VGPU_CONF_AUTH_TYPE", "--auth-type", "munge",
     "How peers prove who they are: munge (Slurm sites; each host runs munged) or key (a key "
     "shared by those who may use the daemons).",
     Type::choice, "munge|key"},
    {"KeyFile", "VGPU_CONF_KEY_FILE", "--key-file", "",
     "With AuthType=key: a file of 64 hexadecimal digits that only its owner may read. Whoever "
     "has the key can act as any user.",
     Type::path},
    {"MungeSocket", "VGPU_CONF_MUNGE_SOCKET", "--munge-socket", "",
     "The socket of munged, where it is not MUNGE's own default.", Type::path},
    {"Encrypt", "VGPU_CONF_ENCRYPT", "--encrypt", "no",
     "Whether everything that leaves a machine is sealed: programs' calls and data over TCP, and "
     "what daemons, plugins and tools say to each other. Shared memory and Unix sockets do not "
     "leave it. A side that says yes does not talk to one that cannot.",
     Type::boolean},
    {"VgpuctldHost", "VGPU_CONF_VGPUCTLD_HOST", "--vgpuctld-host", "",
     "The host that runs vgpuctld. Without it every vgpud stands alone and grants leases itself."},
    {"VgpuctldPort", "VGPU_CONF_VGPUCTLD_PORT", "--vgpuctld-port", "6827",
     "The TCP port of vgpuctld.", Type::integer, nullptr, 1, 65535},
    {"VgpudAddr", "VGPU_CONF_VGPUD_ADDR", "--vgpud-addr", "",
     "The address on which vgpud listens, and which clients are given. The default is NodeName. In "
     "a "
     "file shared by several nodes leave it unset."},
    {"VgpudPort", "VGPU_CONF_VGPUD_PORT", "--vgpud-port", "6828",
     "The TCP port of vgpud; 0 takes a free one.", Type::integer, nullptr, 0, 65535},
    {"VgpudSocket", "VGPU_CONF_VGPUD_SOCKET", "--vgpud-socket", "/run/vgpu/vgpud.sock",
     "The Unix socket of vgpud, for programs on the GPU node itself. Anyone may connect; the "
     "authentication decides.",
     Type::path},
    {"NodeName", "VGPU_CONF_NODE_NAME", "--node-name", "",
     "The name of this node. The default is its host name up to the first dot."},
    {"SpoolDir", "VGPU_CONF_SPOOL_DIR", "--spool-dir", "/run/vgpu",
     "Where files live that a reboot may lose, such as the lease files of job steps.", Type::path},
    {"StateSaveLocation", "VGPU_CONF_STATE_SAVE_LOCATION", "--state-save-location",
     "/var/spool/vgpu", "The directory of vgpuctld's state table, vgpuctld.db.", Type::path},
    {"SlurmUser", "VGPU_CONF_SLURM_USER", "--slurm-user", "slurm",
     "The user that may, beside root and the daemon's own user, take and release leases for "
     "others. "
     "The same as in slurm.conf."},
    {"Driver", "VGPU_CONF_DRIVER", "--driver", "",
     "The CUDA driver library that the workers open. The default is the system's libcuda.so.1, and "
     "the software GPU where there is none.",
     Type::path},
    {"Libraries", "VGPU_CONF_LIBRARIES", "--libraries", "",
     "Folders with CUDA libraries (libcublas.so.13, ...) for the workers, with colons between. "
     "They "
     "come before the driver's own and the system's."},
    {"Channel", "VGPU_CONF_CHANNEL", "--channel", "auto",
     "How programs reach their worker, where a job does not choose: shm, unix, tcp, or auto for "
     "the "
     "best that both ends can reach.",
     Type::choice, "auto|shm|unix|tcp"},
    {"RingSize", "VGPU_CONF_RING_SIZE", "--ring-size", "2M",
     "The shared memory of one direction between a program and its worker, a power of two from 4K "
     "to 64M. What does not fit waits.",
     Type::size},
    {"Compression", "VGPU_CONF_COMPRESSION", "--compression", "no",
     "Whether large copies over TCP and Unix sockets are compressed (LZ4): adaptive compresses "
     "where that is seen to be faster, because the path is slow and the bytes give way.",
     Type::choice, "adaptive|no"},
    {"CopyWindow", "VGPU_CONF_COPY_WINDOW", "--copy-window", "64M",
     "How many bytes of large copies over TCP a session may have under way in each direction at "
     "most, from 16M to 1G: on a long path it is as many as that holds, and the worker has host "
     "memory for them while they are.",
     Type::size},
    {"CopyConnections", "VGPU_CONF_COPY_CONNECTIONS", "--copy-connections", "8",
     "How many TCP connections the large copies of a session may have. Further ones are opened "
     "where the buffers of those that there are, and not the network, hold a copy up.",
     Type::integer, nullptr, 1, 16},
    {"ReconnectTime", "VGPU_CONF_RECONNECT_TIME", "--reconnect-time", "60",
     "Seconds for which a program over TCP and its worker, having lost their connection, look for "
     "another one to go on over. The worker keeps its memory on the device meanwhile. 0 ends the "
     "session at once.",
     Type::duration, nullptr, 0, 3600},
    {"LinkRate", "VGPU_CONF_LINK_RATE", "--link-rate", "0",
     "What the node's network carries in each direction, in bits a second such as 10G: what large "
     "copies over TCP share out among them, by the weights of their leases' classes. 0 measures it "
     "while leases of unlike weight compete, and holds nobody back else.",
     Type::rate},
    {"DefaultQos", "VGPU_CONF_DEFAULT_QOS", "--default-qos", "normal",
     "The class of a job that does not choose one.", Type::choice, kQosChoices},
    {"LatencyWeight", "VGPU_CONF_LATENCY_WEIGHT", "--latency-weight", "16",
     "The part of the network that a lease of class latency has beside others."
     " Small calls never wait behind large copies, whatever the class.",
     Type::integer, nullptr, 1, 1000},
    {"LatencyCap", "VGPU_CONF_LATENCY_CAP", "--latency-cap", "0",
     "The most that a lease of class latency may move in each direction, in bits a second; 0 sets "
     "no "
     "limit.",
     Type::rate},
    {"NormalWeight", "VGPU_CONF_NORMAL_WEIGHT", "--normal-weight", "4",
     "The part of the network that a lease of class normal has beside others.", Type::integer,
     nullptr, 1, 1000},
    {"NormalCap", "VGPU_CONF_NORMAL_CAP", "--normal-cap", "0",
     "The most that a lease of class normal may move in each direction, in bits a second; 0 sets "
     "no "
     "limit.",
     Type::rate},
    {"BulkWeight", "VGPU_CONF_BULK_WEIGHT", "--bulk-weight", "1",
     "The part of the network that a lease of class bulk has beside others.", Type::integer,
     nullptr, 1, 1000},
    {"BulkCap", "VGPU_CONF_BULK_CAP", "--bulk-cap", "0",
     "The most that a lease of class bulk may move in each direction, in bits a second; 0 sets no "
     "limit.",
     Type::rate},
    {"SlicesPerDevice", "VGPU_CONF_SLICES_PER_DEVICE", "--slices-per-device", "8",
     "How many slices a device is shared out in at most.", Type::integer, nullptr, 1, 1024},
    {"DefaultMemory", "VGPU_CONF_DEFAULT_MEMORY", "--default-memory", "0",
     "The device memory of a slice that does not ask for an amount; 0 is the device's memory "
     "divided "
     "by SlicesPerDevice.",
     Type::size},
    {"DefaultCores", "VGPU_CONF_DEFAULT_CORES", "--default-cores", "0",
     "The percentage of a device's compute time of a slice that does not ask for one; 0 sets no "
     "limit.",
     Type::percent},
    {"MaxSessions", "VGPU_CONF_MAX_SESSIONS", "--max-sessions", "64",
     "How many processes may use one lease at the same time.", Type::integer, nullptr, 1, 128},
    {"MaxSessionsPerUser", "VGPU_CONF_MAX_SESSIONS_PER_USER", "--max-sessions-per-user", "0",
     "How many processes of one user may use this node's GPUs at the same time, in all his leases; "
     "0 sets no limit.",
     Type::integer, nullptr, 0, 1 << 20},
    {"MaxConnectionRate", "VGPU_CONF_MAX_CONNECTION_RATE", "--max-connection-rate", "256",
     "How many connections a second one host may open to a daemon, or one user of the daemon's own "
     "host; as many may come at once. 0 sets no limit.",
     Type::integer, nullptr, 0, 1 << 20},
    {"LeaseTimeout", "VGPU_CONF_LEASE_TIMEOUT", "--lease-timeout", "60",
     "Seconds after which a lease ends that nobody has renewed and no process uses.",
     Type::duration, nullptr, 1, 86400},
    {"HeartbeatInterval", "VGPU_CONF_HEARTBEAT_INTERVAL", "--heartbeat-interval", "5",
     "Seconds between two reports of vgpud to vgpuctld. A node that misses three is lost.",
     Type::duration, nullptr, 1, 86400},
    {"LogFile", "VGPU_CONF_LOG_FILE", "--log-file", "",
     "Where the daemons log; the default is standard error. %h is the node, %p the program.",
     Type::path},
    {"DebugLevel", "VGPU_CONF_DEBUG_LEVEL", "--debug-level", "info", "What the daemons log.",
     Type::choice, "debug|info|warning|error"},
    {"PidFile", "VGPU_CONF_PID_FILE", "--pid-file", "",
     "A file for the daemon's process id. %h is the node, %p the program.", Type::path},
};

uint32_t seconds(const Options &options, const char *key)
{
    return static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(options.duration(key)).count());
}

std::string short_host_name()
{
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    std::string host(name);
    return host.substr(0, host.find('.'));
}

Conf conf_of(const Options &options, const std::string &path)
{
    Conf conf;
    conf.path = path;
    conf.auth.method = wire::parse_method(options.string("AuthType"));
    conf.auth.munge_socket = options.string("MungeSocket");
    conf.auth.key_file = options.string("KeyFile");
    conf.auth.encrypt = options.boolean("Encrypt");
    conf.auth.daemon_user = options.string("SlurmUser");
    if (conf.auth.method == wire::AuthConfig::Method::key && conf.auth.key_file.empty())
        fail(EINVAL, "%s: AuthType=key needs a KeyFile", options.source("AuthType").c_str());
    conf.vgpuctld_host = options.string("VgpuctldHost");
    conf.vgpuctld_port = static_cast<uint16_t>(options.integer("VgpuctldPort"));
    conf.vgpud_addr = options.string("VgpudAddr");
    conf.vgpud_port = static_cast<uint16_t>(options.integer("VgpudPort"));
    conf.vgpud_socket = options.string("VgpudSocket");
    conf.node_name = options.is_set("NodeName") ? options.string("NodeName") : short_host_name();
    conf.spool_dir = options.string("SpoolDir");
    conf.state_save_location = options.string("StateSaveLocation");
    conf.slurm_user = options.string("SlurmUser");
    conf.driver = options.string("Driver");
    conf.libraries = options.string("Libraries");
    conf.channel = options.string("Channel");
    conf.ring_size = options.size("RingSize");
    if (!wire::valid_ring(conf.ring_size))
        fail(EINVAL, "%s: RingSize=%s: a power of two from 4K to 64M is possible",
             options.source("RingSize").c_str(), options.string("RingSize").c_str());
    conf.compression = options.string("Compression") == "adaptive";
    conf.copy_window = options.size("CopyWindow");
    if (conf.copy_window < (uint64_t(16) << 20) || conf.copy_window > (uint64_t(1) << 30))
        fail(EINVAL, "%s: CopyWindow=%s: from 16M to 1G is possible",
             options.source("CopyWindow").c_str(), options.string("CopyWindow").c_str());
    conf.copy_connections = static_cast<uint32_t>(options.integer("CopyConnections"));
    conf.reconnect_time = seconds(options, "ReconnectTime");
    conf.link_rate = options.rate("LinkRate");
    conf.default_qos = options.string("DefaultQos");
    auto qos = [&](const char *weight, const char *cap) {
        return QosClass{static_cast<uint32_t>(options.integer(weight)), options.rate(cap)};
    };
    conf.latency = qos("LatencyWeight", "LatencyCap");
    conf.normal = qos("NormalWeight", "NormalCap");
    conf.bulk = qos("BulkWeight", "BulkCap");
    conf.slices_per_device = static_cast<uint32_t>(options.integer("SlicesPerDevice"));
    conf.default_memory = options.size("DefaultMemory");
    conf.default_cores = options.percent("DefaultCores");
    conf.max_sessions = static_cast<uint32_t>(options.integer("MaxSessions"));
    conf.max_sessions_per_user = static_cast<uint32_t>(options.integer("MaxSessionsPerUser"));
    conf.max_connection_rate = static_cast<uint32_t>(options.integer("MaxConnectionRate"));
    conf.lease_timeout = seconds(options, "LeaseTimeout");
    conf.heartbeat_interval = seconds(options, "HeartbeatInterval");
    conf.log_file = options.string("LogFile");
    conf.debug_level = options.string("DebugLevel");
    conf.pid_file = options.string("PidFile");
    return conf;
}

} // namespace

const QosClass &Conf::qos_class(std::string_view name) const
{
    return name == "latency" ? latency : name == "bulk" ? bulk : normal;
}

std::span<const Option> conf_table()
{
    return kTable;
}

std::string default_conf_path()
{
    const std::string path = variable(kConfVariable);
    return path.empty() ? VGPU_SYSCONFDIR "/vgpu.conf" : path;
}

Conf load_conf(const std::string &path)
{
    Options options(kTable);
    options.load_file(path);
    return conf_of(options, path);
}

Conf parse_conf(std::string_view text, const std::string &name)
{
    Options options(kTable);
    options.load_text(text, name);
    return conf_of(options, name);
}

// A path that somebody named must exist; the built-in one need not: "" then.
static std::string found_conf_path()
{
    const std::string path = default_conf_path();
    return variable(kConfVariable).empty() && access(path.c_str(), F_OK) != 0 ? "" : path;
}

Conf load_conf()
{
    const std::string path = found_conf_path();
    return path.empty() ? conf_of(Options(kTable), "") : load_conf(path);
}

Conf load_daemon_conf(const std::string &path, const Arguments &arguments)
{
    Options options(kTable);
    const std::string file = path.empty() ? found_conf_path() : path;
    if (!file.empty())
        options.load_file(file);
    options.load_environment();
    for (const auto &[name, value] : arguments)
        options.set_argument(name, value);
    return conf_of(options, file);
}

} // namespace vgpu::control
