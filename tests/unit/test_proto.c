/* The contract tables and the decoder made from them. */

#include "common/json.h"
#include "proto/proto.h"

#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static struct arena arena;
static struct refusal why;

static void
setup(void)
{
	arena_init(&arena);
	memset(&why, 0, sizeof why);
}

static void
teardown(void)
{
	arena_fini(&arena);
	refusal_fini(&why);
}

START_TEST(names_are_unique_and_found_again)
{
	for (int i = 0; i < COMMANDS; i++)
		ck_assert_int_eq(command_find(span_of(command_rows[i].name)), i);
	for (int i = 0; i < EVENTS; i++) {
		if (event_rows[i].colon[0])
			ck_assert_int_eq(event_find(span_of(event_rows[i].colon)), i);
	}
	for (int i = 0; i < ERRORS; i++)
		ck_assert_int_eq(error_find(span_of(error_rows[i].code)), i);
	ck_assert_int_eq(command_find(SPAN("NoSuchCommand")), COMMANDS);
	ck_assert_int_eq(event_find(SPAN("")), EVENTS);
	ck_assert_int_eq(error_find(SPAN("NOPE")), ERRORS);
}
END_TEST

START_TEST(no_command_names_an_argument_or_reply_field_twice)
{
	for (int i = 0; i < COMMANDS; i++) {
		for (const struct field_row *a = command_rows[i].args; a->name; a++) {
			for (const struct field_row *b = a + 1; b->name; b++)
				ck_assert_str_ne(a->name, b->name);
		}
		for (const struct field_row *a = command_rows[i].rets; a->name; a++) {
			for (const struct field_row *b = a + 1; b->name; b++)
				ck_assert_str_ne(a->name, b->name);
		}
	}
}
END_TEST

START_TEST(every_row_says_what_it_is)
{
	for (int i = 0; i < COMMANDS; i++)
		ck_assert_int_gt(strlen(command_rows[i].doc), 5);
	for (int i = 0; i < EVENTS; i++)
		ck_assert_int_gt(strlen(event_rows[i].doc), 5);
	for (int i = OK + 1; i < ERRORS; i++) {
		ck_assert_int_gt(strlen(error_rows[i].text), 5);
		ck_assert_int_ge(error_rows[i].status, 400);
		ck_assert_int_lt(error_rows[i].status, 600);
	}
}
END_TEST

/* A value of the right type, as JSON. */
static const char *
good_value(enum arg_type type)
{
	static const char *const values[] = {
		[ARG_text] = "\"word\"",
		[ARG_id] = "\"7f3f9c1e-2222-4444-8888-0123456789ab\"",
		[ARG_node] = "\"7f3f9c1e-2222-4444-8888-0123456789ab\"",
		[ARG_json] = "[1,2]",
		[ARG_object] = "{\"a\":1}",
		[ARG_list] = "[1]",
		[ARG_integer] = "7",
		[ARG_flag] = "true",
	};

	return values[type];
}

/* All arguments of a command, but for one that gets another value or, with NULL, is left out. */
static char *
arguments(
    const struct command_row *row, const struct field_row *odd, const char *odd_value, size_t *n)
{
	struct json_out out = { 0 };

	json_out_open(&out, '{');
	for (const struct field_row *a = row->args; a->name; a++) {
		if (a == odd && !odd_value)
			continue;
		json_out_key(&out, a->name);
		json_out_raw(&out, span_of(a == odd ? odd_value : good_value(a->type)));
	}
	json_out_close(&out, '}');
	return json_out_take(&out, n);
}

static enum error
decode(int command, const struct field_row *odd, const char *odd_value)
{
	void *args = xcalloc(1, command_rows[command].args_size_bytes);
	size_t n;
	char *text = arguments(&command_rows[command], odd, odd_value, &n);
	enum error err =
	    args_decode((enum command)command, (struct span){ text, n }, NULL, &arena, args, &why);

	free(text);
	free(args);
	return err;
}

START_TEST(every_command_takes_its_own_arguments)
{
	for (int i = 0; i < COMMANDS; i++)
		ck_assert_msg(
		    decode(i, NULL, NULL) == OK, "%s: %s", command_rows[i].name, why.message);
}
END_TEST

START_TEST(a_missing_argument_is_refused_by_its_name)
{
	for (int i = 0; i < COMMANDS; i++) {
		for (const struct field_row *a = command_rows[i].args; a->name; a++) {
			enum error err = decode(i, a, NULL);

			ck_assert_int_eq(err, a->required ? ERROR_invalid_request : OK);
			if (a->required)
				ck_assert_str_eq(why.field, a->name);
		}
	}
}
END_TEST

START_TEST(a_mistyped_argument_is_refused_by_its_name)
{
	for (int i = 0; i < COMMANDS; i++) {
		for (const struct field_row *a = command_rows[i].args; a->name; a++) {
			const char *wrong =
			    a->type == ARG_text || a->type == ARG_id || a->type == ARG_node
			    ? "12"
			    : "\"x\"";

			if (a->type == ARG_json)
				continue;
			ck_assert_int_eq(decode(i, a, wrong), ERROR_invalid_request);
			ck_assert_str_eq(why.field, a->name);
		}
	}
}
END_TEST

START_TEST(null_counts_as_absent_but_for_values)
{
	struct update_property_args args;
	const char *text = "{\"node_id\":\"7f3f9c1e-2222-4444-8888-0123456789ab\",\"property_id\":"
			   "\"p\",\"value\":null}";

	ck_assert_int_eq(
	    args_decode(COMMAND_update_property, span_of(text), NULL, &arena, &args, &why), OK);
	ck_assert(span_is(args.value, "null"));
	ck_assert_ptr_null(args.new_value.p);
	ck_assert_int_eq(
	    args_decode(COMMAND_delete_node, SPAN("{\"node_id\":null}"), NULL, &arena, &args, &why),
	    ERROR_invalid_request);
	ck_assert_str_eq(why.field, "node_id");
}
END_TEST

START_TEST(members_land_where_the_struct_has_them)
{
	struct create_node_args args;
	const char *text =
	    "{\"index\":3,\"name\":\"a\\u0062\",\"blueprint_type_id\":\"phase\",\"unknown\":{},"
	    "\"node_id\":\"7F3F9C1E-2222-4444-8888-0123456789AB\",\"properties\":{\"x\": 1.50}}";

	ck_assert_int_eq(
	    args_decode(COMMAND_create_node, span_of(text), NULL, &arena, &args, &why), OK);
	ck_assert(span_is(args.blueprint_type_id, "phase"));
	ck_assert(span_is(args.name, "ab"));
	ck_assert(uuid_is_nil(&args.parent_id));
	ck_assert(span_is(args.properties, "{\"x\": 1.50}"));
	ck_assert_int_eq(args.index, 3);
	ck_assert_int_eq(args.node_id.bytes[0], 0x7f);
}
END_TEST

static bool
resolve_zero(void *context, unsigned index, struct uuid *out)
{
	*out = *(struct uuid *)context;
	return index == 0;
}

START_TEST(references_mean_something_in_a_batch_only)
{
	struct delete_node_args args;
	struct uuid made;
	struct arg_resolver resolver = { resolve_zero, &made };

	uuid_random(&made);
	ck_assert_int_eq(args_decode(COMMAND_delete_node, SPAN("{\"node_id\":\"$0\"}"), NULL,
			     &arena, &args, &why),
	    ERROR_invalid_request);
	ck_assert_int_eq(args_decode(COMMAND_delete_node, SPAN("{\"node_id\":\"$0\"}"), &resolver,
			     &arena, &args, &why),
	    OK);
	ck_assert(uuid_equal(&args.node_id, &made));
	for (const char *const *bad =
		 (const char *const[]){ "$1", "$", "$-1", "$0x", "$999999999", NULL };
	     *bad; bad++) {
		char text[64];

		snprintf(text, sizeof text, "{\"node_id\":\"%s\"}", *bad);
		ck_assert_msg(args_decode(COMMAND_delete_node, span_of(text), &resolver, &arena,
				  &args, &why) == ERROR_invalid_request,
		    "%s", *bad);
		ck_assert_str_eq(why.field, "node_id");
	}
}
END_TEST

START_TEST(arguments_must_be_an_object)
{
	struct delete_node_args args;

	ck_assert_int_eq(args_decode(COMMAND_delete_node, SPAN("[]"), NULL, &arena, &args, &why),
	    ERROR_invalid_request);
	ck_assert_int_eq(args_decode(COMMAND_delete_node, SPAN(""), NULL, &arena, &args, &why),
	    ERROR_invalid_request);
	ck_assert_str_eq(why.field, "node_id");
}
END_TEST

START_TEST(an_error_object_has_code_message_field_and_details)
{
	struct json_out out = { 0 };

	refuse(&why, ERROR_invalid_request, "name", "name is \"%s\"", "x\n");
	json_out_raw(&why.details, SPAN("{\"n\":1}"));
	error_write(&out, ERROR_invalid_request, &why);
	ck_assert(span_is(json_out_span(&out),
	    "{\"code\":\"INVALID_REQUEST\",\"message\":\"name is "
	    "\\\"x\\n\\\"\",\"field\":\"name\",\"details\":{\"n\":1}}"));
	json_out_clear(&out);
	error_write(&out, ERROR_invalid_session, NULL);
	ck_assert(span_is(json_out_span(&out),
	    "{\"code\":\"INVALID_SESSION\",\"message\":\"Session not found\"}"));
	json_out_fini(&out);
}
END_TEST

START_TEST(a_message_that_is_too_long_ends_between_characters)
{
	struct json_out out = { 0 };
	char text[400];
	struct json_bounds bounds = { 4, 100, 1000, 100 };

	for (int shift = 0; shift < 4; shift++) {
		memset(text, 'a', sizeof text);
		for (size_t i = (size_t)shift; i + 3 < sizeof text - 1; i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[sizeof text - 1] = 0;
		refuse(&why, ERROR_invalid_request, text, "%s", text);
		json_out_clear(&out);
		error_write(&out, ERROR_invalid_request, &why);
		ck_assert_int_eq(json_scan(json_out_span(&out), &bounds, NULL), JSON_OK);
	}
	json_out_fini(&out);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("proto");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, names_are_unique_and_found_again);
	tcase_add_test(tc, no_command_names_an_argument_or_reply_field_twice);
	tcase_add_test(tc, every_row_says_what_it_is);
	tcase_add_test(tc, every_command_takes_its_own_arguments);
	tcase_add_test(tc, a_missing_argument_is_refused_by_its_name);
	tcase_add_test(tc, a_mistyped_argument_is_refused_by_its_name);
	tcase_add_test(tc, null_counts_as_absent_but_for_values);
	tcase_add_test(tc, members_land_where_the_struct_has_them);
	tcase_add_test(tc, references_mean_something_in_a_batch_only);
	tcase_add_test(tc, arguments_must_be_an_object);
	tcase_add_test(tc, an_error_object_has_code_message_field_and_details);
	tcase_add_test(tc, a_message_that_is_too_long_ends_between_characters);
	return run_tests(tc);
}
