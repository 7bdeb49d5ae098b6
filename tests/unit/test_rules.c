#include "import_fixture.h"

static const char YAML[] =
    "node_types:\n"
    "  - id: phase\n"
    "    allowed_children: [task]\n"
    "    properties:\n"
    "      - {id: name, required: true}\n"
    "      - {id: text}\n"
    "      - {id: number, type: number}\n"
    "      - {id: money, type: currency}\n"
    "      - {id: day, type: date}\n"
    "      - {id: done, type: checkbox}\n"
    "      - {id: status, type: select, options: [{id: p, name: Planned}, Done]}\n"
    "      - {id: open, type: select}\n"
    "      - {id: who, type: person}\n"
    "      - {id: plan, type: object, value: {}}\n"
    "      - {id: tags, type: tags, value: [a]}\n"
    "      - {id: stars, type: rating, value: 3}\n"
    "      - {id: shown, type: toggle, value: false}\n"
    "  - id: task\n"
    "    properties:\n"
    "      - {id: cost, type: number, required: true}\n";

static struct blueprint *blueprint;
static struct session *session;
static struct json_out warnings;
static struct refusal why;
static struct uuid node_a;

static void
set_up(void)
{
	blueprint = fixture_blueprint(YAML);
	session = fixture_session(blueprint);
	warnings = (struct json_out){ 0 };
	json_out_open(&warnings, '[');
	session->warnings = &warnings;
	why = (struct refusal){ 0 };
	uuid_of_name(SPAN("a"), &node_a);
}

static void
tear_down(void)
{
	session->warnings = NULL;
	session_free(session);
	blueprint_free(blueprint);
	json_out_fini(&warnings);
	refusal_fini(&why);
}

/* The rule that a value breaks, as strict and lenient sessions tell it; NULL: none. */
static void
expect_value(const char *type, const char *property, const char *value, const char *rule)
{
	enum error err;
	char *text;
	char wanted[128];

	json_out_clear(&warnings);
	json_out_open(&warnings, '[');
	session->meta.strict = false;
	ck_assert_int_eq(rules_check_value(session, &node_a, type, property, value, &why), OK);
	json_out_close(&warnings, ']');
	text = xspandup(json_out_span(&warnings));
	snprintf(wanted, sizeof(wanted), "\"property_id\":\"%s\",\"rule\":\"%s\"", property,
	    rule ? rule : "");
	if (rule)
		ck_assert_msg(strstr(text, wanted) != NULL, "%s=%s: %s", property, value, text);
	else
		ck_assert_msg(strcmp(text, "[]") == 0, "%s=%s: %s", property, value, text);
	free(text);
	session->meta.strict = true;
	err = rules_check_value(session, &node_a, type, property, value, &why);
	ck_assert_int_eq(err, rule ? ERROR_rule_violated : OK);
	if (rule)
		ck_assert(fixture_has(&why.details, wanted));
}

START_TEST(values_are_of_their_type)
{
	static const struct {
		const char *property, *value, *rule;
	} cases[] = {
		{ "text", "\"x\"", NULL },
		{ "text", "\"\"", NULL },
		{ "text", "null", NULL },
		{ "text", "7", "type" },
		{ "text", "{}", "type" },
		{ "who", "\"ann\"", NULL },
		{ "who", "[]", "type" },
		{ "plan", "{\"mon\":8}", NULL },
		{ "plan", "\"none\"", NULL },
		{ "plan", "null", NULL },
		{ "plan", "[]", "type" },
		{ "plan", "8", "type" },
		{ "tags", "[1,2]", NULL },
		{ "tags", "{}", "type" },
		{ "stars", "4", NULL },
		{ "stars", "4.5", NULL },
		{ "stars", "true", "type" },
		{ "shown", "true", NULL },
		{ "shown", "1", "type" },
		{ "number", "7", NULL },
		{ "number", "-1.5e3", NULL },
		{ "number", "\"50000\"", "type" },
		{ "number", "true", "type" },
		{ "number", "null", NULL },
		{ "money", "0", NULL },
		{ "money", "\"\"", "type" },
		{ "done", "true", NULL },
		{ "done", "false", NULL },
		{ "done", "null", NULL },
		{ "done", "1", "type" },
		{ "done", "\"true\"", "type" },
		{ "status", "\"p\"", NULL },
		{ "status", "\"Planned\"", NULL },
		{ "status", "\"Done\"", NULL },
		{ "status", "\"done\"", "option" },
		{ "status", "null", NULL },
		{ "status", "3", "type" },
		{ "open", "\"anything\"", NULL },
		{ "name", "\"\"", "required" },
		{ "name", "null", "required" },
		{ "name", NULL, "required" },
		{ "name", "\"n\"", NULL },
		{ "name", "1", "type" },
		{ "text", NULL, NULL },
		{ "other", "1", "unknown_property" },
		{ "other", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		expect_value("phase", cases[i].property, cases[i].value, cases[i].rule);
}
END_TEST

START_TEST(dates_are_days_of_the_calendar_with_or_without_a_time)
{
	static const char *const good[] = { "", "2024-01-31", "2024-02-29", "2000-02-29",
		"2024-12-31T23:59", "2024-12-31T23:59:60Z", "2024-01-01 10:11:12.000123+00:00",
		"2024-01-01t10:11z", "2024-01-01T10:11:12,5-0330", "2024-01-01T10:11+02" };
	static const char *const bad[] = { "2024", "2024-1-1", "2024-13-01", "2024-00-10",
		"2024-04-31", "2023-02-29", "1900-02-29", "2024-01-32", "2024-01-00", "31.01.2024",
		"2024-01-01T", "2024-01-01T25:00", "2024-01-01T10:60", "2024-01-01T10:11:61",
		"2024-01-01T10:11:12.", "2024-01-01T10:11+25:00", "2024-01-01T10:11Zx",
		"2024-01-01x", "-024-01-01", " " };
	char json[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(json, sizeof(json), "\"%s\"", good[i]);
		expect_value("phase", "day", json, NULL);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(json, sizeof(json), "\"%s\"", bad[i]);
		expect_value("phase", "day", json, "type");
	}
	expect_value("phase", "day", "20240101", "type");
}
END_TEST

START_TEST(every_node_may_have_a_name)
{
	expect_value("task", "name", "\"x\"", NULL);
	expect_value("task", "cost", NULL, "required");
}
END_TEST

START_TEST(of_an_unknown_type_nothing_is_said_but_that)
{
	struct content c = { .type = (char *)"ghost", .name = (char *)"g" };

	expect_value("ghost", "anything", "1", NULL);
	session->meta.strict = true;
	ck_assert_int_eq(rules_check_node(session, &node_a, &c, NULL, &why), ERROR_rule_violated);
	ck_assert(fixture_has(&why.details, "\"rule\":\"unknown_type\""));
	ck_assert_str_eq(why.message, "The blueprint has no type ghost.");
}
END_TEST

START_TEST(without_a_blueprint_there_are_no_rules)
{
	struct content c = { .type = (char *)"ghost", .name = (char *)"g" };

	session->blueprint = NULL;
	session->meta.strict = true;
	ck_assert_int_eq(rules_check_node(session, &node_a, &c, NULL, &why), OK);
	ck_assert_int_eq(rules_check_place(session, &node_a, "ghost", NULL, &why), OK);
	ck_assert_int_eq(rules_check_value(session, &node_a, "phase", "day", "1", &why), OK);
}
END_TEST

static const struct node *
add_node(const char *name, const char *type)
{
	struct content *c = xcalloc(1, sizeof(*c));
	struct edit edit = { .kind = EDIT_ADD, .content = c, .after.index = UINT32_MAX };

	c->type = xstrdup(type);
	c->name = xstrdup(name);
	uuid_of_name(span_of(name), &edit.node);
	ck_assert_int_eq(session_edit(session, &edit), OK);
	return graph_find(session->graph, &edit.node);
}

START_TEST(a_type_stands_where_its_parents_type_allows_it)
{
	const struct node *phase, *ghost;

	fixture_begin(session, &warnings);
	phase = add_node("phase", "phase");
	ghost = add_node("ghost", "ghost");
	session->meta.strict = true;
	ck_assert_int_eq(rules_check_place(session, &node_a, "task", phase, &why), OK);
	ck_assert_int_eq(rules_check_place(session, &node_a, "task", ghost, &why), OK);
	ck_assert_int_eq(rules_check_place(session, &node_a, "task", NULL, &why), OK);
	ck_assert_int_eq(
	    rules_check_place(session, &node_a, "phase", phase, &why), ERROR_rule_violated);
	ck_assert(fixture_has(&why.details, "\"rule\":\"allowed_children\""));
	ck_assert(!fixture_has(&why.details, "property_id"));
	ck_assert_str_eq(why.message, "A phase cannot hang under a phase.");
	session_abort(session);
}
END_TEST

START_TEST(a_node_is_told_of_each_broken_rule)
{
	struct property p[] = { { (char *)"day", (char *)"\"soon\"" },
		{ (char *)"extra", (char *)"1" } };
	struct content c = {
		.type = (char *)"phase", .name = (char *)"", .properties = p, .n_properties = 2
	};

	session->meta.strict = false;
	ck_assert_int_eq(rules_check_node(session, &node_a, &c, NULL, &why), OK);
	ck_assert(fixture_has(&warnings, "\"property_id\":\"day\",\"rule\":\"type\""));
	ck_assert(
	    fixture_has(&warnings, "\"property_id\":\"extra\",\"rule\":\"unknown_property\""));
	ck_assert(fixture_has(&warnings, "\"property_id\":\"name\",\"rule\":\"required\""));
	/* The node's own name is the property "name". */
	json_out_clear(&warnings);
	c.name = (char *)"n";
	c.n_properties = 0;
	ck_assert_int_eq(rules_check_node(session, &node_a, &c, NULL, &why), OK);
	ck_assert_uint_eq(warnings.n, 0);
}
END_TEST

START_TEST(warnings_are_json_and_end_with_a_mark_when_there_are_too_many)
{
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(
		    rule_broken(session, &node_a, NULL, "type", &why, "%d \"%s\"", i, "\xc3\xa4"),
		    OK);
	json_out_close(&warnings, ']');
	ck_assert_int_eq(fixture_scan(json_out_span(&warnings)), JSON_OK);
	ck_assert_uint_lt(warnings.n, 300 * 1024);
	ck_assert(fixture_has(&warnings, "9 \\\"\xc3\xa4\\\""));
	ck_assert(fixture_has(&warnings, "{\"rule\":\"more_warnings\""));
	session->warnings = NULL;
	ck_assert_int_eq(rule_broken(session, &node_a, NULL, "type", &why, "x"), OK);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters)
{
	char type[2 * LIMIT_TYPE_BYTES + 1] = "";

	for (size_t i = 0; i < LIMIT_TYPE_BYTES; i++)
		memcpy(type + 2 * i, "\xc3\xa4", 2);
	type[0] = 'x';
	memmove(type + 1, type + 2, strlen(type + 2) + 1);
	ck_assert_int_eq(rules_check_place(session, &node_a, type, NULL, &why), OK);
	json_out_close(&warnings, ']');
	ck_assert_int_eq(fixture_scan(json_out_span(&warnings)), JSON_OK);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("rules");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, values_are_of_their_type);
	tcase_add_test(c, dates_are_days_of_the_calendar_with_or_without_a_time);
	tcase_add_test(c, every_node_may_have_a_name);
	tcase_add_test(c, of_an_unknown_type_nothing_is_said_but_that);
	tcase_add_test(c, without_a_blueprint_there_are_no_rules);
	tcase_add_test(c, a_type_stands_where_its_parents_type_allows_it);
	tcase_add_test(c, a_node_is_told_of_each_broken_rule);
	tcase_add_test(c, warnings_are_json_and_end_with_a_mark_when_there_are_too_many);
	tcase_add_test(c, a_long_name_is_cut_between_characters);
	return run_tests(c);
}
