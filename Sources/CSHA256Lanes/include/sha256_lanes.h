#ifndef SHA256_LANES_H
#define SHA256_LANES_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LANES 16

/// Whether this processor hashes sixteen messages side by side (AVX-512 F and BW), about twice as fast as one after the
/// other with SHA instructions.
int sha256_lanes_are_there(void);

/// Takes in `blocks` blocks of 64 bytes of each message; a processor that has no lanes must not come here.
///
/// - Parameter state: Word i of message k at 16 i + k; FIPS 180-4 section 5.3.3 at first.
void sha256_lanes_update(uint32_t *state, const uint8_t *const *messages, size_t blocks);

#endif
