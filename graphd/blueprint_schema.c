#include "graphd/blueprint.h"

#include "common/json.h"

static void
write_options(struct json_out *out, const struct property_type *p)
{
	json_out_key(out, "options");
	if (p->n_options == 0) {
		json_out_null(out);
		return;
	}
	json_out_open(out, '[');
	for (size_t i = 0; i < p->n_options; i++) {
		json_out_open(out, '{');
		json_out_key(out, "id");
		json_out_string(out, p->options[i].id);
		json_out_key(out, "name");
		json_out_string(out, p->options[i].name);
		json_out_key(out, "indicator_id");
		json_out_string(out, p->options[i].indicator_id);
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
}

/* "name" is what people read: the label. */
static void
write_property(struct json_out *out, const struct property_type *p)
{
	json_out_open(out, '{');
	json_out_key(out, "id");
	json_out_string(out, p->id);
	json_out_key(out, "name");
	json_out_string(out, p->label);
	json_out_key(out, "type");
	json_out_string(out, p->type_name);
	json_out_key(out, "required");
	json_out_bool(out, p->required);
	json_out_key(out, "indicator_set");
	json_out_string(out, p->indicator_set);
	write_options(out, p);
	json_out_close(out, '}');
}

static void
write_type(struct json_out *out, const struct node_type *t)
{
	json_out_open(out, '{');
	json_out_key(out, "id");
	json_out_string(out, t->id);
	json_out_key(out, "name");
	json_out_string(out, t->label);
	json_out_key(out, "icon");
	json_out_string(out, t->icon);
	json_out_key(out, "allowed_children");
	json_out_open(out, '[');
	for (size_t i = 0; i < t->n_allowed_children; i++)
		json_out_string(out, t->allowed_children[i]);
	json_out_close(out, ']');
	json_out_key(out, "properties");
	json_out_open(out, '[');
	for (size_t i = 0; i < t->n_properties; i++)
		write_property(out, &t->properties[i]);
	json_out_close(out, ']');
	json_out_close(out, '}');
}

void
blueprint_schema(const struct blueprint *b, struct json_out *out)
{
	json_out_open(out, '{');
	json_out_key(out, "id");
	json_out_string(out, b->id);
	json_out_key(out, "name");
	json_out_string(out, b->name);
	json_out_key(out, "description");
	json_out_string(out, b->description);
	json_out_key(out, "node_types");
	json_out_open(out, '[');
	for (size_t i = 0; i < b->n_types; i++)
		write_type(out, &b->types[i]);
	json_out_close(out, ']');
	json_out_close(out, '}');
}

const struct node_type *
blueprint_type(const struct blueprint *b, const char *type_id)
{
	for (size_t i = 0; b && i < b->n_types; i++)
		if (strcmp(b->types[i].id, type_id) == 0)
			return &b->types[i];
	return NULL;
}

const struct property_type *
node_type_property(const struct node_type *t, const char *property_id)
{
	for (size_t i = 0; t && i < t->n_properties; i++)
		if (strcmp(t->properties[i].id, property_id) == 0)
			return &t->properties[i];
	return NULL;
}

/* Ids go first: an option may bear the id of another one as its name. */
static const struct option *
option_of(const struct property_type *p, struct span text)
{
	for (size_t i = 0; i < p->n_options; i++)
		if (span_is(text, p->options[i].id))
			return &p->options[i];
	for (size_t i = 0; i < p->n_options; i++)
		if (span_is(text, p->options[i].name))
			return &p->options[i];
	return NULL;
}

const struct option *
property_type_option(const struct property_type *p, const char *value_json)
{
	struct span value = span_of(value_json);
	const struct option *found;
	struct arena arena;

	if (p->n_options == 0 || !value.p || json_type(value) != JSON_STRING)
		return NULL;
	arena_init(&arena);
	found = option_of(p, json_text(&arena, value));
	arena_fini(&arena);
	return found;
}

/* A property without a known option shows nothing and leaves the place to the next one. */
bool
blueprint_indicator(const struct blueprint *b, const struct content *c, const char **set,
    const struct option **option)
{
	const struct node_type *type = blueprint_type(b, c->type);

	for (size_t i = 0; type && i < type->n_properties; i++) {
		const struct property_type *p = &type->properties[i];
		if (p->type != VALUE_SELECT || !p->indicator_set)
			continue;
		for (uint32_t j = 0; j < c->n_properties; j++)
			if (strcmp(c->properties[j].key, p->id) == 0) {
				*option = property_type_option(p, c->properties[j].value);
				*set = p->indicator_set;
				if (*option)
					return true;
			}
	}
	return false;
}
