/*
 * graphd is linked with jemalloc, which reads its options from this symbol (jemalloc(3), TUNING). A
 * single arena: nearly all is allocated and freed by the one thread that runs commands, and each
 * thread has a cache of its own before it.
 */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1";
