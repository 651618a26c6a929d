// natgrad: the pictures of a report, drawn by gnuplot as SVG. Private to the library.
#ifndef NATGRAD_LIB_PLOTS_HPP
#define NATGRAD_LIB_PLOTS_HPP

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "natgrad/analysis.hpp"

namespace natgrad::plots {

struct Picture {
  std::string svg;                 ///< to be put into HTML as it is; empty where there is nothing to draw
  std::vector<std::string> notes;  ///< what the eye should know: scales, what is merged, what is not drawn
};

struct Pictures {
  bool available = false;  ///< false: there is no gnuplot on PATH
  Picture loss, angle, condition, spectrum, groups;
};

/// Draws everything; calls `progress`, if there is one, before and during each picture and at the end.
/// Strings of the file never reach gnuplot, and no shell is involved.
/// @throws InputError with gnuplot's own words if it fails; what `progress` throws
Pictures draw(const Analysis& analysis, const std::function<void(std::uint64_t, std::uint64_t)>& progress);

/// Whether the heat map's rows bear the names of the groups (few and short ones) or their numbers from 1.
bool names_groups(const Analysis& analysis);
/// Colours of the heat map: level l of `angle_levels` is [l, l + 1) * 180/angle_levels degrees.
inline constexpr int angle_levels = 36;
/// "#rrggbb": dark to light blue below 90 degrees, light to dark orange from there.
std::string angle_colour(int level);

}  // namespace natgrad::plots

#endif
