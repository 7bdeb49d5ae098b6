#include "graphd/rules.h"

#include "common/json.h"
#include "graphd/blueprint.h"
#include "graphd/clip.h"
#include "graphd/warnings.h"

#include <stdarg.h>
#include <stdio.h>

enum error
rule_broken(struct session *s, const struct uuid *node, const char *property_id, const char *rule,
    struct refusal *why, const char *message, ...)
{
	char text[sizeof(why->message)];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	if (!s->meta.strict) {
		if (s->warnings)
			warnings_add(s->warnings, node, property_id, rule, text);
		return OK;
	}
	refuse(why, ERROR_rule_violated, NULL, "%s", text);
	json_out_clear(&why->details);
	json_out_open(&why->details, '{');
	warning_write_members(&why->details, node, property_id, rule);
	json_out_close(&why->details, '}');
	return ERROR_rule_violated;
}

static bool
is_allowed(const struct node_type *parent, const char *type)
{
	for (size_t i = 0; i < parent->n_allowed_children; i++)
		if (strcmp(parent->allowed_children[i], type) == 0)
			return true;
	return false;
}

enum error
rules_check_place(struct session *s, const struct uuid *node, const char *type,
    const struct node *parent, struct refusal *why)
{
	const struct node_type *parent_type;

	if (!s->blueprint)
		return OK;
	if (!blueprint_type(s->blueprint, type))
		return rule_broken(s, node, NULL, "unknown_type", why,
		    "The blueprint has no type %.*s.", CLIP(span_of(type)));
	/* Any type may be a root, and what a type may hold that the blueprint does not know is
	 * unknown. */
	parent_type = parent ? blueprint_type(s->blueprint, node_content(parent)->type) : NULL;
	if (!parent_type || is_allowed(parent_type, type))
		return OK;
	return rule_broken(s, node, NULL, "allowed_children", why,
	    "A %.*s cannot hang under a %.*s.", CLIP(span_of(type)),
	    CLIP(span_of(parent_type->id)));
}

/* A number of exactly n digits at the front, cut off; -1 when there is none. */
static int
take_digits(struct span *s, size_t n)
{
	int value = 0;

	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return -1;
		value = value * 10 + (s->p[i] - '0');
	}
	s->p += n;
	s->n -= n;
	return value;
}

static bool
take_char(struct span *s, const char *any_of)
{
	if (s->n == 0 || !strchr(any_of, *s->p))
		return false;
	s->p++;
	s->n--;
	return true;
}

static bool
take_date(struct span *s)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = take_digits(s, 4), month, day;
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	if (year < 0 || !take_char(s, "-"))
		return false;
	month = take_digits(s, 2);
	if (month < 1 || month > 12 || !take_char(s, "-"))
		return false;
	day = take_digits(s, 2);
	return day >= 1 && day <= days[month - 1] && (month != 2 || day != 29 || leap);
}

/* hh:mm[:ss[.fraction]], with 60 for a leap second. */
static bool
take_time(struct span *s)
{
	int hour = take_digits(s, 2), minute, second = 0;

	if (hour < 0 || hour > 23 || !take_char(s, ":"))
		return false;
	minute = take_digits(s, 2);
	if (take_char(s, ":")) {
		second = take_digits(s, 2);
		if (take_char(s, ".,")) {
			if (take_digits(s, 1) < 0)
				return false;
			while (take_digits(s, 1) >= 0)
				;
		}
	}
	return minute >= 0 && minute <= 59 && second >= 0 && second <= 60;
}

/* Absent, Z, or an offset with or without colon and minutes. */
static bool
take_zone(struct span *s)
{
	int hour, minute;

	if (s->n == 0 || take_char(s, "Zz"))
		return true;
	if (!take_char(s, "+-"))
		return false;
	hour = take_digits(s, 2);
	take_char(s, ":");
	minute = s->n ? take_digits(s, 2) : 0;
	return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

/* ISO 8601: a date, or a date with a time (RFC 3339 section 5.6, seconds and zone optional). Empty:
 * none yet. */
static bool
is_date(struct span value)
{
	struct span s = { value.p + 1, value.n - 2 };

	if (s.n == 0)
		return true;
	if (!take_date(&s))
		return false;
	if (s.n == 0)
		return true;
	return take_char(&s, "Tt ") && take_time(&s) && take_zone(&s) && s.n == 0;
}

/* A type that is unknown here counts as text. A default of another kind says what else it may hold,
 * for no new node could keep the rule otherwise. */
static const char *
expected_of_other(const struct property_type *p, enum json_type type)
{
	static const char *const kinds[] = { [JSON_NULL] = "a text",
		[JSON_BOOL] = "true or false",
		[JSON_INTEGER] = "a number",
		[JSON_REAL] = "a number",
		[JSON_STRING] = "a text",
		[JSON_ARRAY] = "a list",
		[JSON_OBJECT] = "an object" };
	const char *wanted = kinds[p->value ? json_type(span_of(p->value)) : JSON_STRING];

	return type == JSON_STRING || strcmp(kinds[type], wanted) == 0 ? NULL : wanted;
}

/* What a value that is not null should have been; NULL when it is. */
static const char *
expected(const struct property_type *p, struct span value)
{
	enum json_type type = json_type(value);

	switch (p->type) {
	case VALUE_NUMBER:
	case VALUE_CURRENCY:
		return type == JSON_INTEGER || type == JSON_REAL ? NULL : "a number";
	case VALUE_CHECKBOX:
		return type == JSON_BOOL ? NULL : "true or false";
	case VALUE_DATE:
		return type == JSON_STRING && is_date(value) ? NULL : "a date (YYYY-MM-DD)";
	case VALUE_SELECT:
		return type == JSON_STRING ? NULL : "the id or name of an option";
	case VALUE_TEXT:
		return type == JSON_STRING ? NULL : "a text";
	case VALUE_OTHER:
		return expected_of_other(p, type);
	}
	return NULL;
}

/* What a form sends for a field that was left empty counts as empty too. */
static bool
is_empty(const char *value_json)
{
	return !value_json || strcmp(value_json, "null") == 0 || strcmp(value_json, "\"\"") == 0;
}

static enum error
check_known(struct session *s, const struct uuid *node, const struct property_type *p,
    const char *value_json, struct refusal *why)
{
	struct span value = span_of(value_json);
	const char *wanted;

	if (p->required && is_empty(value_json))
		return rule_broken(s, node, p->id, "required", why,
		    "The property %.*s is required.", CLIP(span_of(p->id)));
	if (!value_json || json_type(value) == JSON_NULL)
		return OK;
	wanted = expected(p, value);
	if (wanted)
		return rule_broken(s, node, p->id, "type", why, "The property %.*s must be %s.",
		    CLIP(span_of(p->id)), wanted);
	if (p->type == VALUE_SELECT && p->n_options && !property_type_option(p, value_json))
		return rule_broken(s, node, p->id, "option", why,
		    "The property %.*s has no such option.", CLIP(span_of(p->id)));
	return OK;
}

enum error
rules_check_value(struct session *s, const struct uuid *node, const char *type,
    const char *property_id, const char *value_json, struct refusal *why)
{
	const struct node_type *node_type = blueprint_type(s->blueprint, type);
	const struct property_type *p = node_type_property(node_type, property_id);

	/* Of an unknown type or without a blueprint nothing can be said about properties. */
	if (!node_type)
		return OK;
	if (p)
		return check_known(s, node, p, value_json, why);
	/* Every node has a name, declared or not; and what is unknown may always go. */
	if (!value_json || strcmp(property_id, "name") == 0)
		return OK;
	return rule_broken(s, node, property_id, "unknown_property", why,
	    "The type %.*s has no property %.*s.", CLIP(span_of(type)), CLIP(span_of(property_id)));
}

static bool
has_property(const struct content *c, const char *property_id)
{
	for (uint32_t i = 0; i < c->n_properties; i++)
		if (strcmp(c->properties[i].key, property_id) == 0)
			return true;
	/* The node's own name is the property, also where it is not repeated among the properties.
	 */
	return strcmp(property_id, "name") == 0 && c->name && *c->name;
}

/* Properties that are there were looked at one by one; this finds those that are not. */
static enum error
check_missing(struct session *s, const struct uuid *node, const struct content *c,
    const struct node_type *type, struct refusal *why)
{
	enum error err = OK;

	for (size_t i = 0; type && i < type->n_properties && !err; i++)
		if (type->properties[i].required && !has_property(c, type->properties[i].id))
			err = check_known(s, node, &type->properties[i], NULL, why);
	return err;
}

enum error
rules_check_node(struct session *s, const struct uuid *node, const struct content *c,
    const struct node *parent, struct refusal *why)
{
	enum error err;

	if (!s->blueprint)
		return OK;
	err = rules_check_place(s, node, c->type, parent, why);
	for (uint32_t i = 0; i < c->n_properties && !err; i++)
		err = rules_check_value(
		    s, node, c->type, c->properties[i].key, c->properties[i].value, why);
	if (!err)
		err = check_missing(s, node, c, blueprint_type(s->blueprint, c->type), why);
	return err;
}
