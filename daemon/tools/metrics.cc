// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/metrics.h"

#include <cstdio>
#include <utility>
#include <vector>

namespace vgpu::control
{

namespace
{

using Labels = std::vector<std::pair<std::string, std::string>>;

template<class Row>
struct Metric {
    const char *name;
    const char *type; // counter or gauge
    const char *help;
    double (*value)(const Row &);
};

double number(uint64_t value)
{
    return static_cast<double>(value);
}

double seconds(uint64_t ns)
{
    return static_cast<double>(ns) / 1e9;
}

const Metric<Device> kDevices[] = {
    {"vgpu_device_memory_bytes", "gauge", "Memory of the device.",
     [](const Device &row) { return number(row.memory); }},
    {"vgpu_device_memory_used_bytes", "gauge", "What the processes of all its slices hold.",
     [](const Device &row) { return number(row.memory_used); }},
    {"vgpu_device_load_percent", "gauge", "Measured device time of slices with a compute share.",
     [](const Device &row) { return number(row.utilisation); }},
};

const Metric<SliceRow> kSlices[] = {
    {"vgpu_slice_memory_bytes", "gauge", "The slice's quota.",
     [](const SliceRow &row) { return number(row.memory); }},
    {"vgpu_slice_memory_used_bytes", "gauge", "What its processes hold.",
     [](const SliceRow &row) { return number(row.memory_used); }},
    {"vgpu_slice_launches_total", "counter", "Kernels launched.",
     [](const SliceRow &row) { return number(row.launches); }},
    {"vgpu_slice_throttled_seconds_total", "counter", "Waited for its compute share.",
     [](const SliceRow &row) { return seconds(row.throttled_ns); }},
};

const Metric<Session> kSessions[] = {
    {"vgpu_session_to_device_bytes_total", "counter", "Large copies to the device over a stream.",
     [](const Session &row) { return number(row.bulk_in); }},
    {"vgpu_session_from_device_bytes_total", "counter",
     "Large copies from the device over a stream.",
     [](const Session &row) { return number(row.bulk_out); }},
    {"vgpu_session_to_device_saved_bytes_total", "counter", "Kept off the network by compression.",
     [](const Session &row) { return number(row.saved_in); }},
    {"vgpu_session_from_device_saved_bytes_total", "counter",
     "Kept off the network by compression.",
     [](const Session &row) { return number(row.saved_out); }},
    {"vgpu_session_to_device_bytes_per_second", "gauge", "The same, measured lately.",
     [](const Session &row) { return number(row.rate_in); }},
    {"vgpu_session_from_device_bytes_per_second", "gauge", "The same, measured lately.",
     [](const Session &row) { return number(row.rate_out); }},
    {"vgpu_session_to_device_pace_bytes_per_second", "gauge", "What it is held to; 0: nothing.",
     [](const Session &row) { return number(row.pace_in); }},
    {"vgpu_session_from_device_pace_bytes_per_second", "gauge", "What it is held to; 0: nothing.",
     [](const Session &row) { return number(row.pace_out); }},
    {"vgpu_session_paced_seconds_total", "counter", "Waited for these paces.",
     [](const Session &row) { return seconds(row.paced_ns); }},
    {"vgpu_session_to_device_chunk_bytes", "gauge", "Let through at a time.",
     [](const Session &row) { return number(row.chunk_in); }},
    {"vgpu_session_from_device_chunk_bytes", "gauge", "Let through at a time.",
     [](const Session &row) { return number(row.chunk_out); }},
    {"vgpu_session_rtt_seconds", "gauge", "Round trip of its large copies' connection.",
     [](const Session &row) { return number(row.rtt_us) / 1e6; }},
    {"vgpu_session_to_device_window_bytes", "gauge",
     "Of large copies under way at most; grows with what the path holds.",
     [](const Session &row) { return number(row.window_in); }},
    {"vgpu_session_from_device_window_bytes", "gauge",
     "Of large copies under way at most; grows with what the path holds.",
     [](const Session &row) { return number(row.window_out); }},
    {"vgpu_session_copy_connections", "gauge", "That its large copies have.",
     [](const Session &row) { return number(row.connections); }},
    {"vgpu_session_reconnects_total", "counter", "Went on over another connection after a loss.",
     [](const Session &row) { return number(row.reconnects); }},
    {"vgpu_session_to_device_queue_bytes", "gauge", "Copies asked for whose bytes are missing.",
     [](const Session &row) { return number(row.queue_in); }},
    {"vgpu_session_from_device_queue_bytes", "gauge", "Sent and not yet taken by the network.",
     [](const Session &row) { return number(row.queue_out); }},
};

/// As the format wants it: backslashes, quotes and line ends escaped.
std::string escaped(const std::string &text)
{
    std::string out;
    for (char c : text) {
        if (c == '\\' || c == '"')
            out += '\\';
        out += c == '\n' ? "\\n" : std::string(1, c);
    }
    return out;
}

std::string value_text(double value)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

template<class Row, size_t N, class LabelsOf>
void add(std::string &text, const Metric<Row> (&metrics)[N], const std::vector<Row> &rows,
         LabelsOf &&labels_of)
{
    for (const Metric<Row> &metric : metrics) {
        text += std::string("# HELP ") + metric.name + " " + metric.help + "\n# TYPE " +
                metric.name + " " + metric.type + "\n";
        for (const Row &row : rows) {
            std::string labels;
            for (const auto &[name, value] : labels_of(row))
                labels += (labels.empty() ? "" : ",") + name + "=\"" + escaped(value) + "\"";
            text += std::string(metric.name) + "{" + labels + "} " + value_text(metric.value(row)) +
                    "\n";
        }
    }
}

} // namespace

std::string metrics_text(const State &state)
{
    std::string text;
    add(text, kDevices, state.devices, [](const Device &row) {
        return Labels{{"node", row.node}, {"gpu", std::to_string(row.index)}, {"uuid", row.uuid}};
    });
    add(text, kSlices, state.slices, [](const SliceRow &row) {
        return Labels{{"node", row.node},
                      {"lease", row.lease},
                      {"slice", std::to_string(row.index)},
                      {"job", std::to_string(row.job)},
                      {"qos", row.qos}};
    });
    add(text, kSessions, state.sessions, [](const Session &row) {
        return Labels{{"node", row.node},
                      {"lease", row.lease},
                      {"session", row.session},
                      {"host", row.host},
                      {"pid", std::to_string(row.pid)},
                      {"channel", row.channel},
                      {"qos", row.qos}};
    });
    return text;
}

} // namespace vgpu::control
