#include "common/json_inner.h"

const char *
json_fault_name(enum json_fault fault)
{
	static const char *const names[] = {
		[JSON_OK] = "JSON_OK",
		[JSON_SYNTAX] = "JSON_SYNTAX",
		[JSON_TRUNCATED] = "JSON_TRUNCATED",
		[JSON_TRAILING] = "JSON_TRAILING",
		[JSON_UTF8] = "JSON_UTF8",
		[JSON_NUL] = "JSON_NUL",
		[JSON_SURROGATE] = "JSON_SURROGATE",
		[JSON_NUMBER] = "JSON_NUMBER",
		[JSON_DEPTH] = "JSON_DEPTH",
		[JSON_VALUES] = "JSON_VALUES",
		[JSON_TEXT] = "JSON_TEXT",
		[JSON_KEY] = "JSON_KEY",
		[JSON_REPEATED] = "JSON_REPEATED",
	};

	assert(fault <= JSON_REPEATED);
	return names[fault];
}

struct span
json_trim(struct span text)
{
	while (text.n > 0 && json_is_space(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && json_is_space(text.p[text.n - 1]))
		text.n--;
	return text;
}

enum json_type
json_type(struct span value)
{
	switch (value.n ? value.p[0] : 'n') {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		break;
	}
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '.' || value.p[i] == 'e' || value.p[i] == 'E')
			return JSON_REAL;
	return JSON_INTEGER;
}

const char *
json_type_name(enum json_type type)
{
	switch (type) {
	case JSON_NULL:
		return "null";
	case JSON_BOOL:
		return "boolean";
	case JSON_INTEGER:
	case JSON_REAL:
		return "number";
	case JSON_STRING:
		return "text";
	case JSON_ARRAY:
		return "array";
	case JSON_OBJECT:
		break;
	}
	return "object";
}

/* p: the opening quote. Gives what is behind the closing one. */
static const char *
skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		p = json_skip_plain(p, end);
		if (p == end)
			break;
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p++;
	}
	return end;
}

static const char *
skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
		if (depth == 0)
			break;
	}
	return p;
}

static bool
ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || json_is_space(c);
}

static const char *
skip_value(const char *p, const char *end)
{
	if (*p == '"')
		return skip_string(p, end);
	if (*p == '{' || *p == '[')
		return skip_container(p, end);
	while (p < end && !ends_scalar(*p))
		p++;
	return p;
}

static const char *
skip_between(const char *p, const char *end)
{
	while (p < end && (json_is_space(*p) || *p == ',' || *p == ':'))
		p++;
	return p;
}

void
json_walk(struct json_iter *i, struct span container)
{
	bool inside = container.n >= 2 && (container.p[0] == '{' || container.p[0] == '[');

	*i = (struct json_iter){ 0 };
	if (!inside)
		return;
	i->at = container.p + 1;
	i->end = container.p + container.n - 1;
	i->object = container.p[0] == '{';
}

bool
json_next(struct json_iter *i, struct span *key, struct span *value)
{
	const char *start;

	*key = *value = (struct span){ 0 };
	i->at = skip_between(i->at, i->end);
	if (i->at == i->end)
		return false;
	if (i->object) {
		start = i->at + 1;
		i->at = skip_string(i->at, i->end);
		if (i->at == start)
			return false;
		*key = (struct span){ start, (size_t)(i->at - start) - 1 };
		i->at = skip_between(i->at, i->end);
	}
	start = i->at;
	i->at = skip_value(i->at, i->end);
	*value = (struct span){ start, (size_t)(i->at - start) };
	return value->n > 0;
}

static bool
is_escaped(struct span text)
{
	return text.n > 0 && memchr(text.p, '\\', text.n) != NULL;
}

static bool
is_name(struct span key, const char *name)
{
	struct span left;
	char bytes[4];
	size_t n;

	if (!is_escaped(key))
		return span_is(key, name);
	left = span_of(name);
	for (const char *at = key.p; at < key.p + key.n; left.p += n, left.n -= n) {
		at = json_decode(at, key.p + key.n, bytes, &n);
		if (n > left.n || memcmp(left.p, bytes, n) != 0)
			return false;
	}
	return left.n == 0;
}

bool
json_find(struct span object, const char *name, struct span *value)
{
	struct json_iter i;
	struct span key;

	json_walk(&i, object);
	while (i.object && json_next(&i, &key, value))
		if (is_name(key, name))
			return true;
	*value = (struct span){ 0 };
	return false;
}

struct span
json_find_text(struct arena *arena, struct span object, const char *name)
{
	struct span value;

	json_find(object, name, &value);
	return json_text(arena, value);
}

bool
json_find_integer(struct span object, const char *name, int64_t *out)
{
	struct span value;

	return json_find(object, name, &value) && json_integer(value, out);
}

struct span
json_key(struct arena *a, struct span key)
{
	struct span out = { 0 };
	char *text;
	size_t n;

	if (!is_escaped(key))
		return key;
	/* No escape is shorter than what it stands for; json_decode() writes up to four bytes. */
	text = arena_take(a, key.n + 4);
	out.p = text;
	for (const char *at = key.p; at < key.p + key.n; out.n += n)
		at = json_decode(at, key.p + key.n, text + out.n, &n);
	return out;
}

struct span
json_text(struct arena *a, struct span value)
{
	if (value.n < 2 || value.p[0] != '"')
		return (struct span){ 0 };
	return json_key(a, (struct span){ value.p + 1, value.n - 2 });
}
