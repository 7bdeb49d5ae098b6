#include "graphd/new_node.h"

#include "common/json.h"
#include "common/limits.h"
#include "graphd/clip.h"

#include <stdio.h>
#include <stdlib.h>

char *
new_node_value(struct span json)
{
	struct json_out out = { 0 };
	enum json_type type = json_type(json);
	char *text;

	/* White space is between the tokens of a container only. */
	if (type != JSON_ARRAY && type != JSON_OBJECT)
		return xspandup(json);
	json_out_minified(&out, json);
	text = xspandup(json_out_span(&out));
	json_out_fini(&out);
	return text;
}

enum error
new_node_check_property(struct call *c, const char *field, struct span id, struct span value)
{
	if (id.n == 0 || id.n > LIMIT_JSON_KEY_BYTES)
		return refuse(c->why, ERROR_invalid_request, field,
		    "A property's id must have 1 to %d bytes.", LIMIT_JSON_KEY_BYTES);
	if (value.n > LIMIT_VALUE_BYTES)
		return refuse(c->why, ERROR_limit_value, field,
		    "The value of %.*s has more than %d bytes.", CLIP(id), LIMIT_VALUE_BYTES);
	return OK;
}

enum error
new_node_name(struct call *c, const char *field, struct span value, char **out)
{
	struct span text;

	*out = NULL;
	if (json_type(value) != JSON_STRING)
		return refuse(c->why, ERROR_invalid_request, field, "A name must be text.");
	text = json_text(c->arena, value);
	if (text.n > LIMIT_NAME_BYTES)
		return refuse(c->why, ERROR_limit_value, field, "A name may have %d bytes.",
		    LIMIT_NAME_BYTES);
	*out = xspandup(text);
	return OK;
}

static struct property *
find(struct content *content, struct span key)
{
	for (uint32_t i = 0; i < content->n_properties; i++)
		if (span_is(key, content->properties[i].key))
			return &content->properties[i];
	return NULL;
}

/* Takes the value. */
static void
set(struct content *content, struct span key, char *value)
{
	struct property *p = find(content, key);

	if (p) {
		free(p->value);
		p->value = value;
		return;
	}
	content->properties =
	    xrealloc(content->properties, content->n_properties + 1, sizeof(struct property));
	content->properties[content->n_properties++] = (struct property){ xspandup(key), value };
}

/* A status that nobody gave is the first there is. */
static void
set_defaults(struct content *content, const struct node_type *type)
{
	for (size_t i = 0; i < type->n_properties; i++) {
		const struct property_type *p = &type->properties[i];
		struct json_out text = { 0 };

		if (p->value) {
			set(content, span_of(p->id), xstrdup(p->value));
		} else if (strcmp(p->id, "status") == 0 && p->n_options > 0) {
			json_out_string(&text, p->options[0].id);
			set(content, span_of(p->id), xspandup(json_out_span(&text)));
			json_out_fini(&text);
		}
	}
}

static enum error
set_given(struct call *c, struct content *content, struct span properties)
{
	struct json_iter it;
	struct span key, value;
	enum error err = OK;

	json_walk(&it, properties);
	while (!err && json_next(&it, &key, &value)) {
		char field[64], *name = NULL;

		key = json_key(c->arena, key);
		snprintf(field, sizeof(field), "properties.%.*s", CLIP(key));
		err = new_node_check_property(c, field, key, value);
		if (!err && span_is(key, "name"))
			err = new_node_name(c, field, value, &name);
		if (!err && content->n_properties >= LIMIT_PROPERTIES && !find(content, key))
			err = ERROR_limit_properties;
		if (!err)
			set(content, key, new_node_value(value));
		if (!err && name) {
			free(content->name);
			content->name = name;
		} else {
			free(name);
		}
	}
	return err;
}

enum error
new_node(struct call *c, const struct blueprint *blueprint, struct span type, struct span name,
    struct span properties, struct content **out)
{
	const struct node_type *t;
	struct content *content;
	enum error err = call_text(c, "blueprint_type_id", type, LIMIT_TYPE_BYTES);

	*out = NULL;
	if (!err && name.n > LIMIT_NAME_BYTES)
		err = refuse(c->why, ERROR_limit_value, "name", "A name may have %d bytes.",
		    LIMIT_NAME_BYTES);
	if (err)
		return err;
	content = xcalloc(1, sizeof(*content));
	content->type = xspandup(type);
	content->name = xspandup(name.p ? name : SPAN("New Node"));
	t = blueprint ? blueprint_type(blueprint, content->type) : NULL;
	if (t)
		set_defaults(content, t);
	err = set_given(c, content, properties);
	if (err)
		content_free(content);
	else
		*out = content;
	return err;
}
