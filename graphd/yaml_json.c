#include "common/json.h"
#include "common/limits.h"
#include "graphd/import.h"
#include "graphd/yaml_tree.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers longer than this are texts: no double needs so many digits. */
enum { NUMBER_BYTES = 64 };
static const int64_t INTEGER_MAX = INT64_C(1) << 53;

static bool
is_one_of(struct span text, const char *const words[3])
{
	for (size_t i = 0; i < 3; i++)
		if (span_is(text, words[i]))
			return true;
	return false;
}

bool
yaml_is_null(const struct yaml_node *node)
{
	static const char *const words[3] = { "null", "Null", "NULL" };

	node = yaml_resolve(node);
	if (!node)
		return true;
	return node->kind == YAML_TEXT && node->plain &&
	    (node->text.n == 0 || span_is(node->text, "~") || is_one_of(node->text, words));
}

static const char *
skip_digits(const char *at)
{
	while (*at >= '0' && *at <= '9')
		at++;
	return at;
}

/* [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+ within what a double holds exactly. */
static bool
write_integer(struct json_out *out, const char *text)
{
	const char *digits = text + (*text == '-' || *text == '+');
	bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'o');
	int base = !prefixed ? 10 : text[1] == 'x' ? 16 : 8;
	char *end;
	long long value;

	if (prefixed)
		digits = text + 2;
	if (*digits == '-' || *digits == '+' || *digits == ' ' || *digits == '\0')
		return false;
	/* A second prefix would be taken by the C library. */
	if (base == 16 && digits[0] == '0' && (digits[1] | 0x20) == 'x')
		return false;
	errno = 0;
	value = strtoll(digits, &end, base);
	if (*end != '\0' || errno || value > INTEGER_MAX)
		return false;
	json_out_int(out, *text == '-' ? -value : value);
	return true;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? in the form that JSON has for it. */
static bool
write_real(struct json_out *out, const char *text)
{
	const char *whole = text + (*text == '-' || *text == '+');
	const char *point = skip_digits(whole);
	const char *fraction = point + (*point == '.');
	const char *exponent = skip_digits(fraction), *end = exponent;
	char json[NUMBER_BYTES + 8];
	int n;

	if (point == whole && exponent == fraction)
		return false;
	if (*end == 'e' || *end == 'E') {
		const char *first = end + 1 + (end[1] == '-' || end[1] == '+');
		end = skip_digits(first);
		if (end == first)
			return false;
	}
	if (*end != '\0' || !isfinite(strtod(text, NULL)))
		return false;
	while (*whole == '0' && whole + 1 < point)
		whole++;
	n = snprintf(json, sizeof(json), "%s%.*s.%.*s%s", *text == '-' ? "-" : "",
	    point > whole ? (int)(point - whole) : 1, point > whole ? whole : "0",
	    exponent > fraction ? (int)(exponent - fraction) : 1,
	    exponent > fraction ? fraction : "0", exponent);
	json_out_raw(out, (struct span){ json, (size_t)n });
	return true;
}

/* An integer too large for a double would be rounded as a real number. */
static bool
is_whole(const char *text)
{
	text += *text == '-' || *text == '+';
	return *skip_digits(text) == '\0';
}

static bool
write_number(struct json_out *out, const char *text)
{
	return write_integer(out, text) || (!is_whole(text) && write_real(out, text));
}

/* A cheap first look, which also keeps "inf" and "nan" from the C library. */
static bool
has_only_number_bytes(struct span text)
{
	return text.n <= NUMBER_BYTES && strspn(text.p, "+-.0123456789abcdefABCDEFxo") == text.n;
}

static void
write_scalar(struct json_out *out, const struct yaml_node *node)
{
	static const char *const yes[3] = { "true", "True", "TRUE" };
	static const char *const no[3] = { "false", "False", "FALSE" };

	if (yaml_is_null(node))
		json_out_null(out);
	else if (node->plain && is_one_of(node->text, yes))
		json_out_bool(out, true);
	else if (node->plain && is_one_of(node->text, no))
		json_out_bool(out, false);
	else if (!node->plain || !has_only_number_bytes(node->text) ||
	    !write_number(out, node->text.p))
		json_out_text(out, node->text);
}

/* What is open while the writer is inside: an alias may be open in several places at once. */
struct place_in {
	const struct yaml_node *node, *next;
};

struct place_stack {
	struct place_in *places;
	size_t n, capacity;
};

static void
push(struct place_stack *s, struct json_out *out, const struct yaml_node *node)
{
	if (s->n == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 16;
		s->places = xrealloc(s->places, s->capacity, sizeof(*s->places));
	}
	s->places[s->n++] = (struct place_in){ node, node->first };
	json_out_open(out, node->kind == YAML_MAP ? '{' : '[');
}

/* Scalars are written at once; a collection is opened and visited by the loop. */
static void
write_value(struct place_stack *s, struct json_out *out, const struct yaml_node *node)
{
	node = yaml_resolve(node);
	if (node->kind == YAML_TEXT)
		write_scalar(out, node);
	else
		push(s, out, node);
}

void
yaml_write_json(struct json_out *out, const struct yaml_node *node)
{
	struct place_stack s = { 0 };

	write_value(&s, out, node);
	while (s.n) {
		struct place_in *at = &s.places[s.n - 1];
		const struct yaml_node *next = at->next;
		if (!next) {
			json_out_close(out, at->node->kind == YAML_MAP ? '}' : ']');
			s.n--;
			continue;
		}
		if (at->node->kind == YAML_MAP) {
			json_out_key_text(out, next->text);
			next = next->next;
		}
		at->next = next->next;
		write_value(&s, out, next);
	}
	free(s.places);
}

bool
import_yaml_to_json(struct span yaml, struct json_out *json, char message[256])
{
	static const struct yaml_bounds bounds = {
		.bytes = LIMIT_IMPORT_BYTES,
		.depth = LIMIT_JSON_IMPORT_DEPTH,
		.values = LIMIT_JSON_IMPORT_VALUES,
	};
	static const struct json_bounds json_bounds = {
		.depth = LIMIT_JSON_IMPORT_DEPTH,
		.values = LIMIT_JSON_IMPORT_VALUES,
		.text_bytes = LIMIT_JSON_TEXT_BYTES,
		.key_bytes = LIMIT_JSON_KEY_BYTES,
	};
	struct arena arena;
	struct yaml_node *root;
	enum json_fault fault = JSON_OK;

	arena_init(&arena);
	root = yaml_read(&arena, yaml, &bounds, message);
	if (root) {
		yaml_write_json(json, root);
		/* Aliases can make a small text large, and a text or key may be longer than JSON's
		 * bounds. */
		fault = json->n > LIMIT_IMPORT_BYTES
		    ? JSON_VALUES
		    : json_scan(json_out_span(json), &json_bounds, NULL);
		if (fault != JSON_OK)
			snprintf(
			    message, 256, "the text breaks a bound: %s", json_fault_name(fault));
	}
	arena_fini(&arena);
	return root && fault == JSON_OK;
}
