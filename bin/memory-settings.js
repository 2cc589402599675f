// Settings that a process takes at its start only; the program and the scripts of a checkout start it alike.

// Where records are objects, V8 would let the young part of the heap grow to 128 MB for nothing: with 8 MB a semi-space a feed
// costs the same time and 100 MB less.
export const heapOption = '--max-semi-space-size=8';

// glibc would put ever larger buffers into its own heap and never fill the holes; the copies that SQLite makes of a batch, half
// a megabyte each, must stay below, or each is mapped and cleared page by page: 15 %.
export const mallocSettings = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1048576',
  MALLOC_TRIM_THRESHOLD_: '4194304',
};
