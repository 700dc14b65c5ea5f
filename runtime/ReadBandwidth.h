//===- ReadBandwidth.h - How fast weights can be read at all ----*- C++ -*-===//
//
// Decoding a token reads all weights once, so its limit is how fast the same
// threads can read the same bytes and do nothing with them. `bench` measures
// both in turn and reports the ratio.
//
//===----------------------------------------------------------------------===//
#ifndef BITNET_RUNTIME_READBANDWIDTH_H
#define BITNET_RUNTIME_READBANDWIDTH_H

#include "runtime/ThreadTeam.h"

namespace bitnet {

/// Bytes per second with which the team reads [data, data + size) once, each
/// thread one contiguous share.
double measureReadBandwidth(ThreadTeam &team, const uint8_t *data,
                            uint64_t size);

} // namespace bitnet

#endif // BITNET_RUNTIME_READBANDWIDTH_H
