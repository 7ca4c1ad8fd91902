// SPDX-License-Identifier: Apache-2.0
// Rows of text in a frame, as wide as they need to be.
#pragma once

#include <string>
#include <vector>

namespace vgpu::control
{

class TextTable
{
public:
    /// A title that begins with '>' sets its column to the right: numbers.
    TextTable(std::string name, std::vector<std::string> titles);

    void add(std::vector<std::string> row);
    std::string text() const;

private:
    std::string name_;
    std::vector<std::string> titles_;
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

} // namespace vgpu::control
