#include "tests/bench/load_answer.h"

#include <stdlib.h>
#include <strings.h>

size_t
answer_head_bytes(struct span bytes)
{
	const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);

	return end ? (size_t)(end - bytes.p) + 4 : 0;
}

/* One line without its end; what was read is taken off rest. False: there is no whole line. */
static bool
take_line(struct span *rest, struct span *line)
{
	const char *end = memmem(rest->p, rest->n, "\r\n", 2);

	if (!end)
		return false;
	*line = (struct span){ rest->p, (size_t)(end - rest->p) };
	*rest = (struct span){ end + 2, rest->n - line->n - 2 };
	return true;
}

/* The value of a header line of that name ("content-length:"), leading blanks left out. */
static bool
is_header(struct span line, const char *name, struct span *value)
{
	size_t n = strlen(name);

	if (line.n < n || strncasecmp(line.p, name, n) != 0)
		return false;
	while (n < line.n && line.p[n] == ' ')
		n++;
	*value = (struct span){ line.p + n, line.n - n };
	return true;
}

static void
read_header(struct answer *a, struct span line)
{
	struct span value;

	/* Lines end in CR LF, which ends the number. */
	if (is_header(line, "content-length:", &value))
		a->left = strtoull(value.p, NULL, 10);
	else if (is_header(line, "transfer-encoding:", &value))
		a->state = ANSWER_CHUNK_SIZE;
	else if (is_header(line, "connection:", &value))
		a->closes = value.n == 5 && strncasecmp(value.p, "close", 5) == 0;
}

static size_t
read_head(struct answer *a, struct span bytes)
{
	size_t n = answer_head_bytes(bytes);
	struct span rest = { bytes.p, n }, line;

	if (n == 0)
		return 0;
	if (n < 16 || memcmp(bytes.p, "HTTP/1.", 7) != 0) {
		a->state = ANSWER_BROKEN;
		return n;
	}
	a->status = (unsigned)strtoul(bytes.p + 9, NULL, 10);
	a->state = ANSWER_BODY;
	while (take_line(&rest, &line))
		read_header(a, line);
	if (a->state == ANSWER_BODY && a->left == 0)
		a->state = ANSWER_DONE;
	return n;
}

static void
keep_start(struct answer *a, struct span part)
{
	size_t n =
	    a->body_bytes < ANSWER_START_BYTES ? ANSWER_START_BYTES - (size_t)a->body_bytes : 0;

	if (n > part.n)
		n = part.n;
	/* The text stays terminated, since all of it was zero at first. */
	if (n)
		memcpy(a->start + a->body_bytes, part.p, n);
}

static size_t
read_part(struct answer *a, struct span bytes)
{
	size_t n = bytes.n < a->left ? bytes.n : (size_t)a->left;

	if (a->state == ANSWER_BODY)
		keep_start(a, (struct span){ bytes.p, n });
	a->left -= n;
	a->body_bytes += n;
	if (a->left == 0)
		a->state = a->state == ANSWER_BODY ? ANSWER_DONE : ANSWER_CHUNK_SIZE;
	return n;
}

static size_t
read_chunk_line(struct answer *a, struct span bytes)
{
	struct span rest = bytes, line;

	if (!take_line(&rest, &line))
		return 0;
	if (a->state == ANSWER_TRAILER) {
		a->state = line.n ? ANSWER_TRAILER : ANSWER_DONE;
	} else {
		a->left = strtoull(line.p, NULL, 16);
		a->state = a->left ? ANSWER_CHUNK : ANSWER_TRAILER;
		a->left += 2; /* the line end behind the chunk */
	}
	return bytes.n - rest.n;
}

static size_t
read_next(struct answer *a, struct span bytes)
{
	switch (a->state) {
	case ANSWER_HEAD:
		return read_head(a, bytes);
	case ANSWER_BODY:
	case ANSWER_CHUNK:
		return read_part(a, bytes);
	case ANSWER_CHUNK_SIZE:
	case ANSWER_TRAILER:
		return read_chunk_line(a, bytes);
	case ANSWER_DONE:
	case ANSWER_BROKEN:
		break;
	}
	return 0;
}

size_t
answer_read(struct answer *a, struct span bytes)
{
	size_t done = 0, n;

	while (done < bytes.n) {
		n = read_next(a, (struct span){ bytes.p + done, bytes.n - done });
		if (n == 0)
			break;
		done += n;
	}
	return done;
}
