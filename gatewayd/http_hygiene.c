#include "gatewayd/http_hygiene.h"

#include "common/limits.h"
#include "gatewayd/field_value.h"
#include "gatewayd/percent.h"

#include <strings.h>

/* Fields of which a second one would let two readers disagree. */
static const char *const single_fields[] = { "host", "content-length", "transfer-encoding",
	"content-type", "content-encoding", "authorization", "origin", "expect", "idempotency-key",
	"if-match", "x-session-id", "x-actor", "last-event-id", "sec-websocket-key",
	"sec-websocket-version", "access-control-request-method" };

static bool
is_letter_or_digit(unsigned char c)
{
	return (unsigned)(c | 0x20) - 'a' < 26 || (unsigned)c - '0' < 10;
}

/* RFC 9110 section 5.6.2 */
static bool
is_token(struct span s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (!is_letter_or_digit(c) && !(c && strchr(others, c)))
			return false;
	}
	return s.n > 0;
}

static bool
is_named(struct span name, const char *lower)
{
	return strlen(lower) == name.n && strncasecmp(name.p, lower, name.n) == 0;
}

/* The first field of that name from *i on, which moves behind it; NULL: there is none. */
static const struct http_field *
next_field(const struct http_head *head, struct span name, size_t *i)
{
	while (*i < head->n_fields) {
		const struct http_field *f = &head->fields[(*i)++];
		if (f->name.n == name.n && strncasecmp(f->name.p, name.p, name.n) == 0)
			return f;
	}
	return NULL;
}

struct span
http_field_find(const struct http_head *head, const char *name)
{
	size_t i = 0;
	const struct http_field *f = next_field(head, span_of(name), &i);

	return f ? f->value : (struct span){ 0 };
}

/* Takes the next item off a list with this separator, without the white space around it. False when
 * there is none left. */
static bool
next_item(struct span *list, char separator, struct span *item)
{
	const char *at = list->p, *end, *stop;

	if (!list->n)
		return false;
	end = at + list->n;
	stop = memchr(at, separator, list->n);
	*list = stop ? (struct span){ stop + 1, (size_t)(end - stop) - 1 } : (struct span){ 0 };
	if (!stop)
		stop = end;
	while (at < stop && (*at == ' ' || *at == '	'))
		at++;
	while (stop > at && (stop[-1] == ' ' || stop[-1] == '	'))
		stop--;
	*item = (struct span){ at, (size_t)(stop - at) };
	return true;
}

struct span
http_field_listed(const struct http_head *head, const char *name, const char *token)
{
	const struct http_field *f;
	struct span list, item, part;

	for (size_t i = 0; (f = next_field(head, span_of(name), &i));)
		for (list = f->value; next_item(&list, ',', &item);)
			if (next_item(&item, ';', &part) && is_named(part, token))
				return part;
	return (struct span){ 0 };
}

/* q=0, q=0. and q=0.000 */
static bool
is_weight_zero(struct span parameter)
{
	struct span name, weight;

	if (!next_item(&parameter, '=', &name) || !is_named(name, "q") ||
	    !next_item(&parameter, '=', &weight))
		return false;
	for (size_t i = 0; i < weight.n; i++)
		if (weight.p[i] != '0' && weight.p[i] != '.')
			return false;
	return weight.n > 0;
}

static bool
is_accepted(struct span item, const char *type)
{
	struct span part;
	bool is_meant = next_item(&item, ';', &part) && is_named(part, type);

	while (is_meant && next_item(&item, ';', &part))
		is_meant = !is_weight_zero(part);
	return is_meant;
}

bool
http_field_accepts(const struct http_head *head, const char *type)
{
	const struct http_field *f;
	struct span list, item;

	for (size_t i = 0; (f = next_field(head, SPAN("accept"), &i));)
		for (list = f->value; next_item(&list, ',', &item);)
			if (is_accepted(item, type))
				return true;
	return false;
}

bool
http_field_holds(const struct http_head *head, const char *name, struct span text)
{
	const struct http_field *f;

	for (size_t i = 0; (f = next_field(head, span_of(name), &i));)
		if (memmem(f->value.p, f->value.n, text.p, text.n))
			return true;
	return false;
}

static bool
has_repeated_field(const struct http_head *head)
{
	size_t seen[sizeof(single_fields) / sizeof(*single_fields)] = { 0 };

	for (size_t i = 0; i < head->n_fields; i++)
		for (size_t k = 0; k < sizeof(seen) / sizeof(*seen); k++)
			if (is_named(head->fields[i].name, single_fields[k]) && seen[k]++)
				return true;
	return false;
}

static bool
is_host(struct span host)
{
	static const char others[] = "-._~:[]%!$&'()*+,;=";

	for (size_t i = 0; i < host.n; i++) {
		unsigned char c = (unsigned char)host.p[i];
		if (!is_letter_or_digit(c) && !(c && strchr(others, c)))
			return false;
	}
	return true;
}

/* What follows the scheme of an absolute form; {NULL,0}: it is none. */
static struct span
behind_scheme(struct span target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t n = strlen(schemes[i]);
		if (target.n >= n && strncasecmp(target.p, schemes[i], n) == 0)
			return (struct span){ target.p + n, target.n - n };
	}
	return (struct span){ 0 };
}

void
http_split_target(struct http_head *head)
{
	struct span rest = behind_scheme(head->target);
	const char *question;
	size_t n = 0;

	head->authority = rest;
	if (rest.p) {
		while (n < rest.n && !strchr("/?#", rest.p[n]))
			n++;
		head->authority.n = n;
	} else {
		rest = head->target;
	}
	head->path = (struct span){ rest.p + n, rest.n - n };
	head->query = (struct span){ 0 };
	question = memchr(head->path.p, '?', head->path.n);
	if (question) {
		head->query.p = question + 1;
		head->query.n = (size_t)(rest.p + rest.n - head->query.p);
		head->path.n = (size_t)(question - head->path.p);
	}
	/* RFC 9110 section 4.2.3: an empty path behind an authority is the root. */
	if (head->authority.p && head->path.n == 0)
		head->path = SPAN("/");
}

struct span
http_head_host(const struct http_head *head)
{
	return head->authority.p ? head->authority : http_field_find(head, "host");
}

/* RFC 9110 section 4.2.1: an empty host is an error, and so are names and passwords before it
 * (section 4.2.4), whose '@' is_host() does not know. */
static bool
is_authority(struct span authority)
{
	return authority.n > 0 && authority.p[0] != ':' && is_host(authority);
}

/* In the visible characters of ASCII. OPTIONS may be about the server as a whole (RFC 9112 section
 * 3.2.4). */
static bool
is_target(const struct http_head *head)
{
	if (head->authority.p && !is_authority(head->authority))
		return false;
	if (span_is(head->target, "*"))
		return span_is(head->method, "OPTIONS");
	for (size_t i = 0; i < head->target.n; i++)
		if (head->target.p[i] <= 0x20 || head->target.p[i] >= 0x7f ||
		    head->target.p[i] == '#')
			return false;
	return head->path.n > 0 && head->path.p[0] == '/';
}

enum { LENGTH_DIGITS = 15 };

/* Digits and nothing else: "+4", "4,4" and " 4 " are ways to smuggle. */
static bool
parse_length(struct span text, int64_t *length)
{
	uint64_t value = 0;
	bool is_length = text.n <= LENGTH_DIGITS && span_number(text, INT64_MAX, &value);

	*length = (int64_t)value;
	return is_length;
}

/* RFC 9112 section 6: exactly one way to tell where the body ends. */
static const char *
check_framing(struct http_head *head)
{
	struct span length = http_field_find(head, "content-length");
	struct span encoding = http_field_find(head, "transfer-encoding");

	head->content_length = -1;
	head->is_chunked = encoding.p != NULL;
	if (encoding.p && length.p)
		return "Content-Length and Transfer-Encoding exclude each other.";
	if (encoding.p && !is_named(encoding, "chunked"))
		return "The only Transfer-Encoding that is understood is chunked.";
	if (encoding.p && !span_is(head->version, "HTTP/1.1"))
		return "Transfer-Encoding needs HTTP/1.1.";
	if (length.p && !parse_length(length, &head->content_length))
		return "Content-Length is not a number.";
	return NULL;
}

static const char *
check_fields(const struct http_head *head)
{
	struct span host = http_field_find(head, "host");

	for (size_t i = 0; i < head->n_fields; i++) {
		if (!is_token(head->fields[i].name))
			return "The name of a header field holds a character it must not.";
		if (!is_field_value(head->fields[i].value))
			return "The value of a header field holds a control character.";
	}
	if (has_repeated_field(head))
		return "A header field that may come once came twice.";
	if (!host.p && span_is(head->version, "HTTP/1.1"))
		return "The Host field is missing.";
	if (host.p && !is_host(host))
		return "The Host field is malformed.";
	return NULL;
}

static enum error
check_sizes(const struct http_head *head, const char **what)
{
	size_t bytes = 0;

	*what = NULL;
	if (head->target.n > LIMIT_REQUEST_LINE_BYTES - sizeof("OPTIONS  HTTP/1.1\r\n"))
		return ERROR_uri_too_long;
	for (size_t i = 0; i < head->n_fields; i++)
		bytes += head->fields[i].name.n + head->fields[i].value.n + sizeof(": \r\n") - 1;
	if (head->n_fields > LIMIT_HEADERS || bytes > LIMIT_HEADERS_BYTES)
		return ERROR_headers_too_large;
	return OK;
}

enum error
http_check_head(struct http_head *head, const char **what)
{
	struct span encoding = http_field_find(head, "content-encoding");
	enum error err = check_sizes(head, what);

	head->content_length = -1;
	if (err)
		return err;
	if (!is_token(head->method))
		*what = "The method is malformed.";
	else if (head->is_odd)
		*what = "The head holds NUL, a folded line or a bare line feed.";
	else if (!is_target(head))
		*what = "The request target must be a path or an http URI in printable ASCII.";
	else
		*what = check_fields(head);
	if (!*what)
		*what = check_framing(head);
	if (*what)
		return ERROR_invalid_request;
	if (encoding.p && !is_named(encoding, "identity"))
		return ERROR_unsupported_encoding;
	return OK;
}

bool
http_percent_decode(struct span text, bool plus_is_space, char *out, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '+' && plus_is_space)
			c = ' ';
		if (c == '%') {
			int escaped = percent_escape((struct span){ text.p + i, text.n - i });
			if (escaped < 0)
				return false;
			c = (char)escaped;
			i += 2;
		}
		if (c == '\0')
			return false;
		out[(*n)++] = c;
	}
	return true;
}
