/* slab.h - memory for a whole block, in huge pages where the kernel has them
 *
 * All are of one size, so that what one block has used fits the next: fresh
 * pages cost a fault and clearing each, and small pages cost the compressor
 * misses in its address cache (a tenth of its time, measured).
 */
#pragma once

#include "client/pack/pack.h"

/* A block, and what storing it uncompressed puts between its bytes. */
#define SLAB_SIZE (PACK_BLOCK_SIZE + 4096)

/* NULL when out of memory. */
uint8_t *slab_new(void);
void slab_free(uint8_t *slab);
