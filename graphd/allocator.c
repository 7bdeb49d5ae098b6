/*
 * jemalloc, which graphd is linked with, reads its options from this symbol, jemalloc(3). A single arena: most is allocated and
 * freed by the one thread that runs commands, and each thread keeps a cache of its own before it.
 */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1";
