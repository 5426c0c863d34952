// Included before any header of asio: it chooses its allocation functions by what the standard library has
// declared by then, and every unit of the program has to choose alike.
#pragma once

#include <cstdlib>
