#include "import_reading.h"

#include <time.h>

static struct json_out
make_node(const char *before, const char *fill, size_t n, const char *after)
{
	struct json_out out = { 0 };

	json_out_bytes(&out, span_of(before));
	for (size_t i = 0; i < n; i++)
		json_out_bytes(&out, span_of(fill));
	json_out_bytes(&out, span_of(after));
	return out;
}

/* One text with n times fill in it is taken, one with a further time is not. */
static void
expect_limit(const char *before, const char *fill, size_t n, const char *after, enum error err)
{
	for (size_t i = 0; i < 2; i++) {
		struct json_out text = make_node(before, fill, n + i, after);
		enum error got;
		clean();
		got = import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why);
		ck_assert_msg(got == (i ? err : OK), "%s: %d %s", before, (int)got, why.message);
		json_out_fini(&text);
	}
	clean();
}

START_TEST(limits_hold_at_the_limit_and_not_beyond)
{
	expect_limit("{\"nodes\":[{\"id\":\"a\",\"type\":\"", "t", LIMIT_TYPE_BYTES, "\"}]}",
	    ERROR_limit_value);
	expect_limit("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"", "n", LIMIT_NAME_BYTES,
	    "\"}]}", ERROR_limit_value);
	expect_limit("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"properties\":{\"p\":\"", "v",
	    LIMIT_VALUE_BYTES - 2, "\"}}]}", ERROR_limit_value);
	expect_limit("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"x\":\"", "v",
	    LIMIT_VALUE_BYTES - 6, "\"}]}", ERROR_limit_value);
}
END_TEST

START_TEST(deep_values_are_refused_wherever_they_stand)
{
	char open[64], close[64], text[512];

	for (size_t n = LIMIT_JSON_DEPTH - 1; n <= LIMIT_JSON_DEPTH; n++) {
		enum error err = n == LIMIT_JSON_DEPTH - 1 ? OK : ERROR_invalid_graph;
		memset(open, '[', n);
		memset(close, ']', n);
		snprintf(text, sizeof(text),
		    "{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"x\":%.*s\"[\\\"[\"%.*s}]}", (int)n,
		    open, (int)n, close);
		ck_assert_int_eq(read_text(text), err);
		snprintf(text, sizeof(text), "{\"nodes\":[],\"x\":%.*s%.*s}", (int)n, open, (int)n,
		    close);
		ck_assert_int_eq(read_text(text), err);
	}
	clean();
}
END_TEST

START_TEST(properties_are_bounded_in_number_and_differ)
{
	for (int n = LIMIT_PROPERTIES; n <= LIMIT_PROPERTIES + 1; n++) {
		struct json_out text = { 0 };
		char member[32];
		json_out_bytes(&text,
		    span_of("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"properties\":{\"p\":1"));
		for (int i = 1; i < n; i++) {
			snprintf(member, sizeof(member), ",\"p%d\":%d", i, i);
			json_out_bytes(&text, span_of(member));
		}
		json_out_bytes(&text, span_of("}}]}"));
		ck_assert_int_eq(
		    import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why),
		    n == LIMIT_PROPERTIES ? OK : ERROR_limit_properties);
		clean();
		json_out_fini(&text);
	}
	/* The scanner finds this in small objects only; here it is not asked. */
	ck_assert_int_eq(
	    import_read(
		SPAN(
		    "{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"properties\":{\"p\":1,\"p\":2}}]}"),
		NULL, (struct span){ 0 }, &im, &why),
	    OK);
	ck_assert_uint_eq(im.nodes[0].content->n_properties, 1);
	ck_assert_str_eq(im.nodes[0].content->properties[0].value, "1");
	ck_assert(fixture_has(&im.warnings,
	    "\"rule\":\"repeated_property\",\"message\":\"The second value of property p of node "
	    "a"));
	clean();
}
END_TEST

/* A chain of n nodes, nested or flat from the leaf up. */
static struct json_out
chain(size_t n, bool nested)
{
	struct json_out out = { 0 };
	char text[96];

	json_out_bytes(&out, span_of(nested ? "{\"roots\":[" : "{\"nodes\":["));
	for (size_t i = 0; i < n; i++) {
		if (nested)
			snprintf(
			    text, sizeof(text), "{\"id\":\"%zu\",\"type\":\"t\",\"children\":[", i);
		else
			snprintf(text, sizeof(text),
			    "%s{\"id\":\"%zu\",\"type\":\"t\",\"parent_id\":%s%zu%s}", i ? "," : "",
			    n - i, i == n - 1 ? "null,\"x\":" : "\"", n - i - 1,
			    i == n - 1 ? "" : "\"");
		json_out_bytes(&out, span_of(text));
	}
	for (size_t i = 0; nested && i < n; i++)
		json_out_bytes(&out, span_of("]}"));
	json_out_bytes(&out, span_of("]}"));
	return out;
}

START_TEST(chains_are_as_deep_as_a_graph_may_be)
{
	for (size_t i = 0; i < 4; i++) {
		size_t n = LIMIT_DEPTH + 1 + i / 2;
		struct json_out text = chain(n, i % 2);
		enum error err =
		    import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why);
		ck_assert_msg(err == (i / 2 ? ERROR_limit_depth : OK), "%zu %s", i, why.message);
		if (!err)
			ck_assert_uint_eq(im.n, n);
		clean();
		json_out_fini(&text);
	}
}
END_TEST

START_TEST(many_warnings_end_with_a_mark)
{
	struct json_out text =
	    make_node("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"children\":[\"gone\"",
		",\"gone\"", 20000, "]}]}");

	ck_assert_int_eq(
	    import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why), OK);
	ck_assert(fixture_has(&im.warnings, "more_warnings"));
	ck_assert_uint_lt(im.warnings.n, 300 * 1024);
	json_out_fini(&text);
	clean();
}
END_TEST

START_TEST(a_hundred_thousand_nodes_take_less_than_a_second)
{
	struct json_out text = { 0 };
	struct timespec from, to;
	char node[256];
	double seconds;

	json_out_bytes(&text, span_of("{\"nodes\":["));
	for (int i = 0; i < 100000; i++) {
		snprintf(node, sizeof(node),
		    "%s{\"id\":\"n%d\",\"type\":\"task\",\"name\":\"Node "
		    "%d\",\"parent_id\":\"n%d\",\"properties\":"
		    "{\"status\":\"Done\",\"cost\":%d,\"notes\":\"some words\"},\"metadata\":{}}",
		    i ? "," : "", i, i, i ? (i - 1) / 10 : -1, i);
		json_out_bytes(&text, span_of(node));
	}
	json_out_bytes(&text, span_of("]}"));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	ck_assert_int_eq(
	    import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why), OK);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ck_assert_uint_eq(im.n, 100000);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("100,000 nodes read in %.3f s\n", seconds);
	/* Sanitizers slow everything down; what must not happen is work that grows with the square.
	 */
	ck_assert_msg(seconds < 5, "%f s", seconds);
	json_out_fini(&text);
	clean();
}
END_TEST

static double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The least of three: others use the machine too. */
static double
seconds_to_read(int nodes, int properties)
{
	struct json_out text = { 0 };
	double least = 1e9;
	char words[64];

	json_out_bytes(&text, SPAN("{\"nodes\":["));
	for (int i = 0; i < nodes; i++) {
		snprintf(words, sizeof(words), "%s{\"id\":\"n%d\",\"type\":\"t\",\"properties\":{",
		    i ? "," : "", i);
		json_out_bytes(&text, span_of(words));
		for (int j = 0; j < properties; j++) {
			snprintf(words, sizeof(words), "%s\"p%03d\":1", j ? "," : "", j);
			json_out_bytes(&text, span_of(words));
		}
		json_out_bytes(&text, SPAN("}}"));
	}
	json_out_bytes(&text, SPAN("]}"));
	for (int i = 0; i < 3; i++) {
		double began_s = cpu_s(), took_s;
		ck_assert_int_eq(
		    import_read(json_out_span(&text), NULL, (struct span){ 0 }, &im, &why), OK);
		took_s = cpu_s() - began_s;
		least = took_s < least ? took_s : least;
		clean();
	}
	json_out_fini(&text);
	return least;
}

START_TEST(many_properties_in_one_node_are_read_as_quickly_as_in_many)
{
	double few_s = seconds_to_read(16384, LIMIT_PROPERTIES / 64);
	double many_s = seconds_to_read(256, LIMIT_PROPERTIES);

	printf("65,536 properties in %.3f s, by 256 in a node in %.3f s\n", few_s, many_s);
	ck_assert_msg(many_s < 2 * few_s, "%f s, %f s", many_s, few_s);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("import_limits");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, limits_hold_at_the_limit_and_not_beyond);
	tcase_add_test(c, deep_values_are_refused_wherever_they_stand);
	tcase_add_test(c, properties_are_bounded_in_number_and_differ);
	tcase_add_test(c, chains_are_as_deep_as_a_graph_may_be);
	tcase_add_test(c, many_warnings_end_with_a_mark);
	tcase_add_test(c, a_hundred_thousand_nodes_take_less_than_a_second);
	tcase_add_test(c, many_properties_in_one_node_are_read_as_quickly_as_in_many);
	return run_tests(c);
}
