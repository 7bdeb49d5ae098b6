#include "graphd/blueprint.h"

#include "common/limits.h"
#include "common/mem.h"
#include "graphd/clip.h"
#include "graphd/yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Blueprints are shallow; more levels only serve to hurt a reader. */
enum { BLUEPRINT_DEPTH = 32, BLUEPRINT_VALUES = 200000 };

struct reader {
	char *message;
};

/* Always false, so that a check can end with it. Messages name the line and never hold the file's
 * path. */
static bool __attribute__((format(printf, 3, 4)))
fail(struct reader *r, const struct yaml_node *at, const char *format, ...)
{
	va_list args;
	int n = snprintf(r->message, YAML_MESSAGE, "line %u: ", at->line);

	va_start(args, format);
	vsnprintf(r->message + n, YAML_MESSAGE - (size_t)n, format, args);
	va_end(args);
	return false;
}

/* A text member; absent or null gives fallback, which may be NULL. */
static bool
read_text(struct reader *r, const struct yaml_node *map, const char *key, const char *fallback,
    char **out)
{
	const struct yaml_node *value = yaml_find(map, key);

	if (yaml_is_null(value)) {
		*out = xspandup(span_of(fallback));
		return true;
	}
	if (value->kind != YAML_TEXT)
		return fail(r, value, "%s must be a text", key);
	*out = xspandup(value->text);
	return true;
}

/* An id names things in files and messages: it must be there and be short. */
static bool
read_id(struct reader *r, const struct yaml_node *map, const char *what, char **out)
{
	const struct yaml_node *value = yaml_find(map, "id");

	if (map->kind != YAML_MAP)
		return fail(r, map, "a %s must be a mapping", what);
	if (yaml_is_null(value))
		return fail(r, map, "a %s without an id", what);
	if (value->kind != YAML_TEXT || value->text.n == 0 || value->text.n > LIMIT_TYPE_BYTES)
		return fail(r, value, "an id must be a text of 1 to %d bytes", LIMIT_TYPE_BYTES);
	*out = xspandup(value->text);
	return true;
}

/* Quoted or not, and in YAML 1.1's spellings too: people write them by hand. */
static bool
read_flag(struct reader *r, const struct yaml_node *map, const char *key, bool *out)
{
	static const char *const words[2][3] = { { "false", "no", "off" },
		{ "true", "yes", "on" } };
	const struct yaml_node *value = yaml_find(map, key);

	*out = false;
	if (yaml_is_null(value))
		return true;
	for (size_t i = 0; i < 6 && value->kind == YAML_TEXT; i++)
		if (strcasecmp(value->text.p, words[i / 3][i % 3]) == 0) {
			*out = i / 3 == 1;
			return true;
		}
	return fail(r, value, "%s must be true or false", key);
}

/* A list member: its elements, and how many. Absent or null is an empty one. */
static bool
find_list(struct reader *r, const struct yaml_node *map, const char *key,
    const struct yaml_node **first, size_t *n)
{
	const struct yaml_node *list = yaml_find(map, key);

	*first = NULL;
	*n = 0;
	if (yaml_is_null(list))
		return true;
	if (list->kind != YAML_LIST)
		return fail(r, list, "%s must be a list", key);
	*first = list->first;
	for (const struct yaml_node *at = list->first; at; at = at->next)
		++*n;
	return true;
}

/* The id made of the concatenation of the texts, which end with NULL. */
static char *
sha1_id(const char *const texts[])
{
	struct json_out joined = { 0 };
	char id[UUID_TEXT + 1];
	struct uuid uuid;

	for (size_t i = 0; texts[i]; i++)
		json_out_bytes(&joined, span_of(texts[i]));
	uuid_of_sha1(json_out_span(&joined), &uuid);
	uuid_format(&uuid, id);
	json_out_fini(&joined);
	return xstrdup(id);
}

/* The uuid that the file gives, else the one that its writer would have made. */
static bool
read_uuid(struct reader *r, const struct yaml_node *map, char **out)
{
	struct uuid uuid;

	if (!read_text(r, map, "uuid", NULL, out))
		return false;
	if (*out && !uuid_parse(span_of(*out), &uuid)) {
		free(*out);
		*out = NULL;
	}
	return true;
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The ids of n objects that stand size_bytes apart and begin with a char *. NULL when all differ.
 */
static const char *
find_repeated(const void *objects, size_t n, size_t size_bytes)
{
	const char **ids = xcalloc(n, sizeof(*ids)), *found = NULL;

	for (size_t i = 0; i < n; i++)
		memcpy(&ids[i], (const char *)objects + i * size_bytes, sizeof(*ids));
	qsort(ids, n, sizeof(*ids), compare_texts);
	for (size_t i = 1; i < n && !found; i++)
		if (strcmp(ids[i - 1], ids[i]) == 0)
			found = ids[i];
	free(ids);
	return found;
}

/* Sorted and compared, so that a long list costs no square of its length. */
static bool
check_repeated(struct reader *r, const struct yaml_node *at, const char *what, const void *objects,
    size_t n, size_t size_bytes)
{
	const char *id = find_repeated(objects, n, size_bytes);

	return !id || fail(r, at, "the %s %.*s stands twice", what, CLIP(span_of(id)));
}

static bool
read_option(struct reader *r, const struct yaml_node *value, const char *type_id,
    const char *property_id, struct option *out)
{
	if (value->kind == YAML_TEXT && value->text.n) {
		out->name = xspandup(value->text);
	} else {
		if (value->kind != YAML_MAP)
			return fail(r, value, "an option must be a text or a mapping");
		if (!read_text(r, value, "name", NULL, &out->name) ||
		    !read_text(r, value, "id", NULL, &out->id) ||
		    !read_text(r, value, "indicator_id", NULL, &out->indicator_id) ||
		    !read_text(r, value, "bullet", NULL, &out->bullet))
			return false;
		if (!out->name || !*out->name || (out->id && !*out->id))
			return fail(r, value, "an option without a name");
	}
	if (!out->id)
		out->id = sha1_id(
		    (const char *const[]){ type_id, ".", property_id, ":", out->name, NULL });
	return true;
}

static bool
read_options(
    struct reader *r, const struct yaml_node *map, const char *type_id, struct property_type *out)
{
	const struct yaml_node *at;
	size_t n;

	if (!find_list(r, map, "options", &at, &n))
		return false;
	out->options = xcalloc(n, sizeof(*out->options));
	for (; at; at = at->next)
		if (!read_option(
			r, yaml_resolve(at), type_id, out->id, &out->options[out->n_options++]))
			return false;
	return check_repeated(r, map, "option", out->options, n, sizeof(*out->options));
}

/* Types that are not known are kept by name, so that files made for richer editors can be used. */
static enum value_type
find_value_type(const char *name)
{
	static const char *const names[] = {
		[VALUE_TEXT] = "text",
		[VALUE_NUMBER] = "number",
		[VALUE_CURRENCY] = "currency",
		[VALUE_DATE] = "date",
		[VALUE_SELECT] = "select",
		[VALUE_CHECKBOX] = "checkbox",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum value_type)i;
	return VALUE_OTHER;
}

/* The default value may be any YAML; it is kept as the JSON that a new node gets. */
static bool
read_property(
    struct reader *r, const struct yaml_node *map, const char *type_id, struct property_type *out)
{
	const struct yaml_node *value = yaml_find(map, "value");

	if (!read_id(r, map, "property", &out->id) ||
	    !read_text(r, map, "label", out->id, &out->label) ||
	    !read_text(r, map, "type", "text", &out->type_name) ||
	    !read_text(r, map, "indicator_set", NULL, &out->indicator_set) ||
	    !read_flag(r, map, "required", &out->required) || !read_uuid(r, map, &out->uuid))
		return false;
	out->type = find_value_type(out->type_name);
	if (!out->uuid)
		out->uuid =
		    sha1_id((const char *const[]){ "property.", type_id, ":", out->id, NULL });
	if (!yaml_is_null(value)) {
		struct json_out json = { 0 };
		yaml_write_json(&json, value);
		out->value = xspandup(json_out_span(&json));
		json_out_fini(&json);
	}
	return read_options(r, map, type_id, out);
}

static bool
read_properties(struct reader *r, const struct yaml_node *map, struct node_type *out)
{
	const struct yaml_node *at;
	size_t n;

	if (!find_list(r, map, "properties", &at, &n))
		return false;
	if (n > LIMIT_PROPERTIES)
		return fail(r, map, "more than %d properties", LIMIT_PROPERTIES);
	out->properties = xcalloc(n, sizeof(*out->properties));
	for (; at; at = at->next)
		if (!read_property(
			r, yaml_resolve(at), out->id, &out->properties[out->n_properties++]))
			return false;
	return check_repeated(r, map, "property", out->properties, n, sizeof(*out->properties));
}

/* Types that do not exist are harmless here: a blueprint may be a part of a larger one. */
static bool
read_allowed_children(struct reader *r, const struct yaml_node *map, struct node_type *out)
{
	const struct yaml_node *at;
	size_t n;

	if (!find_list(r, map, "allowed_children", &at, &n))
		return false;
	out->allowed_children = xcalloc(n, sizeof(*out->allowed_children));
	for (; at; at = at->next) {
		const struct yaml_node *type = yaml_resolve(at);
		if (type->kind != YAML_TEXT)
			return fail(r, type, "an allowed child must be a type's id");
		out->allowed_children[out->n_allowed_children++] = xspandup(type->text);
	}
	return true;
}

static bool
read_type(struct reader *r, const struct yaml_node *map, struct node_type *out)
{
	if (!read_id(r, map, "node type", &out->id) ||
	    !read_text(r, map, "label", out->id, &out->label) ||
	    !read_text(r, map, "icon", NULL, &out->icon) ||
	    !read_flag(r, map, "has_time_log", &out->has_time_log) ||
	    !read_uuid(r, map, &out->uuid))
		return false;
	if (!out->uuid)
		out->uuid = sha1_id((const char *const[]){ "node_type:", out->id, NULL });
	return read_allowed_children(r, map, out) && read_properties(r, map, out);
}

/* The file's own id is not looked at: older files have another one in them than their name. */
static bool
read_blueprint(struct reader *r, const struct yaml_node *map, struct blueprint *out)
{
	const struct yaml_node *at;
	size_t n;

	if (map->kind != YAML_MAP)
		return fail(r, map, "a blueprint must be a mapping");
	if (!read_text(r, map, "version", "", &out->version) ||
	    !read_text(r, map, "name", out->id, &out->name) ||
	    !read_text(r, map, "description", "", &out->description) ||
	    !find_list(r, map, "node_types", &at, &n))
		return false;
	if (n == 0)
		return fail(r, map, "a blueprint without node_types");
	out->types = xcalloc(n, sizeof(*out->types));
	for (; at; at = at->next)
		if (!read_type(r, yaml_resolve(at), &out->types[out->n_types++]))
			return false;
	return check_repeated(r, map, "node type", out->types, n, sizeof(*out->types));
}

/* What was read before a fault is freed with the rest, hence the counts that grow one by one. */
struct blueprint *
blueprint_parse(struct span id, struct span yaml, char message[256])
{
	static const struct yaml_bounds bounds = {
		.bytes = LIMIT_TEMPLATE_BYTES,
		.depth = BLUEPRINT_DEPTH,
		.values = BLUEPRINT_VALUES,
	};
	struct reader r = { .message = message };
	struct blueprint *b = NULL;
	struct arena arena;
	struct yaml_node *root;

	arena_init(&arena);
	root = yaml_read(&arena, yaml, &bounds, message);
	if (root) {
		b = xcalloc(1, sizeof(*b));
		b->id = xspandup(id);
		if (!read_blueprint(&r, root, b)) {
			blueprint_free(b);
			b = NULL;
		}
	}
	arena_fini(&arena);
	return b;
}
