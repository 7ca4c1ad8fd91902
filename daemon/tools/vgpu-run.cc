// SPDX-License-Identifier: Apache-2.0
// vgpu-run: runs one program with a lease, on this machine's GPU or on a daemon's elsewhere.
#include "config.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/control-client.h"
#include "daemon/common/environment.h"
#include "daemon/common/private-files.h"
#include "daemon/tools/private-daemon.h"
#include "daemon/tools/program.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/parse.h"

namespace vgpu::control
{

namespace
{

constexpr int kUsage = 2;
constexpr int kNotFound = 127; // as the shell has it
constexpr int kNotExecutable = 126;

struct Wanted {
    uint32_t gpus = 1;
    uint64_t memory = 0;
    uint32_t cores = 0;
    std::string channel = "auto";
    std::string server;
    std::string conf;
    std::string driver;
    std::vector<std::string> program;
};

/// The lease, held as long as this object lives.
class Held
{
public:
    Held(Conf conf, std::string host, uint16_t port, std::string directory)
        : conf_(std::move(conf)), host_(std::move(host)), port_(port),
          path_(std::move(directory) + "/lease")
    {
    }
    ~Held() { release(); }

    /// `divide`: this vgpud serves nobody else, so that slices that ask for no amount share the
    /// devices out.
    void acquire(const Wanted &wanted, bool divide)
    {
        Client client(conf_, host_, port_);
        LeaseRequest request;
        request.count = wanted.gpus;
        request.memory = wanted.memory;
        request.cores = wanted.cores;
        request.uid = geteuid();
        request.channel = wanted.channel;
        if (divide && !request.memory)
            request.memory = even_share(client.state(), wanted.gpus);
        lease_ = client.acquire(request);
        const uint64_t now = static_cast<uint64_t>(time(nullptr));
        renew_ms_ = lease_.expiry > now ? static_cast<int>(lease_.expiry - now) * 1000 / 3 : 1000;
        wire::write_lease_file(path_, lease_file_of(lease_, conf_), geteuid(), getegid());
    }

    void renew()
    {
        try {
            Client(conf_, host_, port_).renew(lease_.lease);
        } catch (const Error &error) {
            log(Level::warning, "renewing the lease: %s", error.what());
        }
    }

    const std::string &path() const { return path_; }
    int renew_ms() const { return renew_ms_; }

private:
    static uint64_t even_share(const State &state, uint32_t gpus)
    {
        if (state.devices.empty())
            return 0;
        const uint64_t devices = state.devices.size();
        uint64_t memory = state.devices.front().memory;
        for (const Device &device : state.devices)
            memory = std::min(memory, device.memory);
        return memory / ((gpus + devices - 1) / devices);
    }

    void release() noexcept
    {
        if (lease_.lease.empty())
            return;
        try {
            Client(conf_, host_, port_).release(lease_.lease);
        } catch (const std::exception &error) {
            log(Level::debug, "releasing the lease: %s", error.what()); // it expires
        }
        unlink(path_.c_str());
    }

    Conf conf_;
    std::string host_;
    uint16_t port_;
    std::string path_;
    Lease lease_;
    int renew_ms_ = 1000;
};

/// A place for the lease file when the daemon is somebody else's.
class Scratch
{
public:
    Scratch()
    {
        if (!mkdtemp(path.data()))
            fail_errno("making a directory in /tmp");
    }
    ~Scratch() { remove_private_files(path); }
    std::string path = "/tmp/vgpu-run.XXXXXX";
};

int run(const Wanted &wanted)
{
    const std::string library = library_dir() + "/libcuda.so.1";
    if (access(library.c_str(), R_OK) != 0)
        fail_errno("%s: slurm-vgpu is not installed whole, or VGPU_LIBDIR is wrong",
                   library.c_str());
    Program::block_signals();

    std::optional<PrivateDaemon> daemon;
    std::optional<Scratch> scratch;
    std::optional<Held> held;
    if (wanted.server.empty()) {
        daemon.emplace(wanted.driver == "soft" ? soft_library_dir() + "/libcuda-soft.so.1"
                                               : wanted.driver);
        held.emplace(daemon->conf(), daemon->conf().vgpud_socket, 0, daemon->directory());
    } else {
        const HostPort server = parse_hostport(wanted.server);
        scratch.emplace();
        held.emplace(wanted.conf.empty() ? load_conf() : load_conf(wanted.conf), server.host,
                     server.port, scratch->path);
    }
    held->acquire(wanted, daemon.has_value());
    std::optional<Program> program;
    try {
        program.emplace(wanted.program, job_environment(getenv, held->path()));
    } catch (const Error &error) {
        std::fprintf(stderr, "vgpu-run: %s\n", error.what());
        return W_EXITCODE(error.code() == ENOENT ? kNotFound : kNotExecutable, 0);
    }
    return program->wait(held->renew_ms(), [&] { held->renew(); });
}

template<typename Parse>
auto checked(const char *option, Parse parse, const std::string &text)
{
    try {
        return parse(text);
    } catch (const Error &error) {
        throw CLI::ValidationError(option, error.what());
    }
}

void parse_command_line(CLI::App &app, Wanted &wanted)
{
    app.add_option("--gpus", wanted.gpus, "how many GPUs the program sees (default 1)")
        ->check(CLI::Range(1, 64));
    app.add_option_function<std::string>(
        "--mem",
        [&](const std::string &text) { wanted.memory = checked("--mem", parse_size, text); },
        "memory of each, such as 4G (default: all there is, shared out; with --server the site's "
        "default)");
    app.add_option_function<std::string>(
        "--cores",
        [&](const std::string &text) { wanted.cores = checked("--cores", parse_percent, text); },
        "percentage of each device's compute time (default: no limit)");
    app.add_option("--channel", wanted.channel, "shm, unix, tcp, or auto for the best")
        ->check(CLI::IsMember({"auto", "shm", "unix", "tcp"}));
    CLI::Option *server =
        app.add_option("--server", wanted.server,
                       "HOST:PORT of a vgpud or vgpuctld (default: a private one, here)");
    app.add_option("--conf", wanted.conf,
                   "with --server: the vgpu.conf that says how to authenticate")
        ->needs(server);
    app.add_option("--driver", wanted.driver,
                   "without --server: the CUDA driver library; \"soft\" is the software GPU")
        ->excludes(server);
    app.set_version_flag("-V,--version", std::string("vgpu-run ") + PACKAGE_VERSION);
    app.prefix_command();
    app.footer("vgpu-run(1) has examples.");
}

} // namespace

} // namespace vgpu::control

int main(int argc, char **argv)
{
    using namespace vgpu;
    control::Wanted wanted;
    CLI::App app(
        "Runs a CUDA program on a GPU of this machine or of a server, with a share of its own.",
        "vgpu-run");
    control::parse_command_line(app, wanted);
    try {
        app.parse(argc, argv);
        wanted.program = app.remaining();
        if (!wanted.program.empty() && wanted.program.front() == "--")
            wanted.program.erase(wanted.program.begin());
        if (wanted.program.empty())
            throw CLI::RequiredError("a program to run");
    } catch (const CLI::ParseError &error) {
        return app.exit(error) ? control::kUsage : EXIT_SUCCESS;
    }
    try {
        return control::Program::finish(control::run(wanted));
    } catch (const std::exception &error) {
        std::fprintf(stderr, "vgpu-run: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
