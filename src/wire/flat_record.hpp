// The state file's schema, for the codec and for tests that build what our encoder never would. Internal to
// the wire.
#pragma once

#include "generated/record_generated.h"
#include "wire/flat.hpp"
