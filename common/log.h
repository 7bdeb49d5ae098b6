#pragma once
/*
 * One line per happening to standard error: time, process, level, object, words. Control
 * characters and quotes in what a peer sent are escaped, so that one happening stays one line.
 */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_FATAL };

/* process: shown in each line, borrowed for good. json: one JSON object per line instead of words.
 */
void log_init(const char *process, enum log_level lowest, _Bool json);
_Bool log_wants(enum log_level);
/* object: what it is about ("session 1f0c…", "store"); may be NULL. */
void log_line(enum log_level, const char *object, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says why and ends the process with status 1. */
_Noreturn void log_fatal(const char *object, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define log_debug(...) (log_wants(LOG_DEBUG) ? log_line(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
