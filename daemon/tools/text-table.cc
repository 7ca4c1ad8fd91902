// SPDX-License-Identifier: Apache-2.0
#include "daemon/tools/text-table.h"

#include <algorithm>

namespace vgpu::control
{

TextTable::TextTable(std::string name, std::vector<std::string> titles)
    : name_(std::move(name)), titles_(std::move(titles))
{
    for (std::string &title : titles_) {
        right_.push_back(title.starts_with('>'));
        if (right_.back())
            title.erase(0, 1);
    }
}

void TextTable::add(std::vector<std::string> row)
{
    // What a peer sent may hold anything; the terminal shall see text only.
    for (std::string &cell : row)
        std::replace_if(
            cell.begin(), cell.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    row.resize(titles_.size());
    rows_.push_back(std::move(row));
}

std::string TextTable::text() const
{
    std::vector<size_t> widths;
    for (const std::string &title : titles_)
        widths.push_back(title.size());
    for (const auto &row : rows_)
        for (size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], row[i].size());

    std::string rule = "+";
    for (size_t width : widths)
        rule += std::string(width + 2, '-') + "+";
    const auto line = [&](const std::vector<std::string> &cells) {
        std::string text = "|";
        for (size_t i = 0; i < cells.size(); ++i) {
            const std::string space(widths[i] - cells[i].size(), ' ');
            text += " " + (right_[i] ? space + cells[i] : cells[i] + space) + " |";
        }
        return text + "\n";
    };
    std::string text = name_ + "\n" + rule + "\n" + line(titles_) + rule + "\n";
    for (const auto &row : rows_)
        text += line(row);
    return text + (rows_.empty() ? "" : rule + "\n");
}

} // namespace vgpu::control
