#include "common/log.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_SIZE = 2048, OBJECT_SIZE = 256, LINE_SIZE = 4096 };

static struct {
	const char *process;
	enum log_level lowest;
	bool json;
} options = { "-", LOG_INFO, false };

/* On the stack and of fixed size, because running out of memory is reported through it too. */
struct line {
	size_t n;
	bool cut;
	char bytes[LINE_SIZE];
};

void
log_init(const char *process, enum log_level lowest, _Bool json)
{
	options.process = process;
	options.lowest = lowest;
	options.json = json;
}

_Bool
log_wants(enum log_level level)
{
	return level >= options.lowest;
}

static const char *
level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG:
		return "debug";
	case LOG_INFO:
		return "info";
	case LOG_WARN:
		return "warn";
	case LOG_FATAL:
		break;
	}
	return "fatal";
}

/* Room for the end of the line is always left: a line that is cut still ends well. */
static void
put(struct line *l, const char *bytes, size_t n)
{
	l->cut = l->cut || n > LINE_SIZE - 4 - l->n;
	if (l->cut)
		return;
	memcpy(l->bytes + l->n, bytes, n);
	l->n += n;
}

static void
put_word(struct line *l, const char *word)
{
	put(l, word, strlen(word));
}

/* JSON has no \x; there the byte is shown as the character of the same number. */
static void
put_hex(struct line *l, unsigned char c)
{
	char hex[8];

	snprintf(hex, sizeof(hex), options.json ? "\\u%04x" : "\\x%02x", c);
	put_word(l, hex);
}

/* C1 controls, which some terminals obey, are two bytes long in UTF-8. */
static bool
is_control(const char *at)
{
	unsigned char c = (unsigned char)at[0];

	return c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)at[1] < 0xa0);
}

static void
put_escaped(struct line *l, const char *text, size_t size)
{
	for (size_t left = strnlen(text, size), n; left > 0; left -= n, text += n) {
		n = utf8_sequence(text, left);
		if (n == 0 || is_control(text)) {
			n = n ? n : 1;
			put_hex(l, (unsigned char)text[n - 1]);
		} else if (*text == '"' || *text == '\\') {
			put(l, (char[]){ '\\', *text }, 2);
		} else {
			put(l, text, n);
		}
	}
}

static void
put_member(struct line *l, const char *name, const char *text, size_t size)
{
	put_word(l, l->n ? ",\"" : "{\"");
	put_word(l, name);
	put_word(l, "\":\"");
	put_escaped(l, text, size);
	put_word(l, "\"");
}

static void
compose_json(
    struct line *l, const char *time, enum log_level level, const char *object, const char *words)
{
	put_member(l, "time", time, CLOCK_ISO_SIZE);
	put_member(l, "process", options.process, OBJECT_SIZE);
	put_member(l, "level", level_name(level), OBJECT_SIZE);
	if (object)
		put_member(l, "object", object, OBJECT_SIZE);
	put_member(l, "words", words, WORDS_SIZE);
	/* put() left room for this: even a cut line closes its text and its object. */
	if (l->cut)
		l->bytes[l->n++] = '"';
	l->bytes[l->n++] = '}';
}

static void
compose_words(
    struct line *l, const char *time, enum log_level level, const char *object, const char *words)
{
	put_word(l, time);
	put_word(l, " ");
	put_word(l, options.process);
	put_word(l, " ");
	put_word(l, level_name(level));
	if (object) {
		put_word(l, " ");
		put_escaped(l, object, OBJECT_SIZE);
	}
	put_word(l, ": ");
	put_escaped(l, words, WORDS_SIZE);
}

__attribute__((format(printf, 3, 0))) static void
emit(enum log_level level, const char *object, const char *format, va_list args)
{
	int saved_errno = errno;
	struct line l;
	ssize_t written;
	char words[WORDS_SIZE], time[CLOCK_ISO_SIZE];

	l.n = 0;
	l.cut = false;
	vsnprintf(words, sizeof(words), format, args);
	clock_iso(clock_wall_us(), time);
	if (options.json)
		compose_json(&l, time, level, object, words);
	else
		compose_words(&l, time, level, object, words);
	l.bytes[l.n++] = '\n';
	/* One write, so that lines of several processes do not mix; a log that is full is no reason
	 * to stop. */
	written = write(STDERR_FILENO, l.bytes, l.n);
	(void)written;
	errno = saved_errno;
}

void
log_line(enum log_level level, const char *object, const char *format, ...)
{
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	emit(level, object, format, args);
	va_end(args);
}

_Noreturn void
log_fatal(const char *object, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	emit(LOG_FATAL, object, format, args);
	va_end(args);
	exit(1);
}
