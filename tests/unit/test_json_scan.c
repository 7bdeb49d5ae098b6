#include "common/json.h"

#include "dice.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>

static const struct json_bounds bounds = { 32, 1000, 1000, 100 };

struct row {
	struct span text;
	enum json_fault fault;
	size_t offset;
};

#define REFUSED(literal, why, where) \
	{ \
		{ (literal), sizeof(literal) - 1 }, (why), (where) \
	}

/* A copy of exact size, so that the sanitizer notices a byte read beyond the end. */
static enum json_fault
scan_copy(struct span text, const struct json_bounds *b, size_t *offset)
{
	char *copy = malloc(text.n ? text.n : 1);
	enum json_fault fault;

	memcpy(copy, text.p, text.n);
	fault = json_scan((struct span){ copy, text.n }, b, offset);
	free(copy);
	return fault;
}

static const char *const accepted[] = {
	"null",
	"true",
	"false",
	"0",
	"-0",
	"1",
	"-1",
	"\"\"",
	"{}",
	"[]",
	" \t\r\n1 \t\r\n",
	"[[],{},[[]],{\"\":[]}]",
	"{\"a\":1,\"b\":[1,2,{\"a\":3}],\"c\":\"x\"}",
	"[ ]",
	"{ }",
	"[ 1 , 2 ]",
	"{ \"a\" : 1 , \"b\" : 2 }",
	"1.5",
	"-1.25e+3",
	"1E5",
	"1e-5",
	"0e1",
	"0.0",
	"-0.0",
	"0e999999999999999999999",
	"-0.000e99999999999",
	"1e-400",
	"1e-99999999999999999999999",
	"9007199254740992",
	"-9007199254740992",
	"9007199254740993.0",
	"1e308",
	"1.7976931348623157e308",
	"-1.7976931348623157e308",
	"1.7976931348623158e308",
	"17976931348623157000000000e283",
	"0.00000000017976931348623157e318",
	"[-0.000000000000000000000000000000000000000000000000000000000000000000000000000000001]",
	"\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0001 \\u00e9 \\uFFFF\"",
	"\"\\ud83d\\ude00 \\uD83D\\uDE00\"",
	"\"\x7f \xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"",
	"\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf \xe2\x80\xa8\"",
	"\"0123456789abcdefghijklmnopqrst\\n\"",
	"{\"a\":1,\"A\":1,\"a \":1,\"\\u00e9\":1,\"e\xcc\x81\":1}",
	"[{\"a\":1},{\"a\":1}]",
	"{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1,\"b\":2}}",
};

/* In the order of the faults. Positions count bytes from the start. */
static const struct row refused[] = {
	REFUSED("NaN", JSON_SYNTAX, 0),
	REFUSED("Infinity", JSON_SYNTAX, 0),
	REFUSED("-Infinity", JSON_SYNTAX, 1),
	REFUSED("+1", JSON_SYNTAX, 0),
	REFUSED(".5", JSON_SYNTAX, 0),
	REFUSED("tRue", JSON_SYNTAX, 1),
	REFUSED("True", JSON_SYNTAX, 0),
	REFUSED("/**/1", JSON_SYNTAX, 0),
	REFUSED("[1,/* */2]", JSON_SYNTAX, 3),
	REFUSED("[1,]", JSON_SYNTAX, 3),
	REFUSED("[,1]", JSON_SYNTAX, 1),
	REFUSED("[1,,2]", JSON_SYNTAX, 3),
	REFUSED("{\"a\":1,}", JSON_SYNTAX, 7),
	REFUSED("{,}", JSON_SYNTAX, 1),
	REFUSED("01", JSON_SYNTAX, 1),
	REFUSED("-01", JSON_SYNTAX, 2),
	REFUSED("[1.]", JSON_SYNTAX, 3),
	REFUSED("[1e]", JSON_SYNTAX, 3),
	REFUSED("[1e+]", JSON_SYNTAX, 4),
	REFUSED("[-]", JSON_SYNTAX, 2),
	REFUSED("[1.e1]", JSON_SYNTAX, 3),
	REFUSED("[1 2]", JSON_SYNTAX, 3),
	REFUSED("{1:2}", JSON_SYNTAX, 1),
	REFUSED("{\"a\"}", JSON_SYNTAX, 4),
	REFUSED("{\"a\":}", JSON_SYNTAX, 5),
	REFUSED("{\"a\",1}", JSON_SYNTAX, 4),
	REFUSED("{'a':1}", JSON_SYNTAX, 1),
	REFUSED("'a'", JSON_SYNTAX, 0),
	REFUSED("[1}", JSON_SYNTAX, 2),
	REFUSED("{\"a\":1]", JSON_SYNTAX, 6),
	REFUSED("]", JSON_SYNTAX, 0),
	REFUSED("\"a\nb\"", JSON_SYNTAX, 2),
	REFUSED("\"a\tb\"", JSON_SYNTAX, 2),
	REFUSED("\"01234567\x1f\"", JSON_SYNTAX, 9),
	REFUSED("\"\\a\"", JSON_SYNTAX, 1),
	REFUSED("\"\\u12g4\"", JSON_SYNTAX, 1),
	REFUSED("\"\\U0041\"", JSON_SYNTAX, 1),
	REFUSED("\"\\x41\"", JSON_SYNTAX, 1),
	REFUSED("\xef\xbb\xbf{}", JSON_SYNTAX, 0),
	REFUSED("[\f1]", JSON_SYNTAX, 1),
	REFUSED("[\xc2\xa0]", JSON_SYNTAX, 1),
	REFUSED("", JSON_TRUNCATED, 0),
	REFUSED("  ", JSON_TRUNCATED, 2),
	REFUSED("[", JSON_TRUNCATED, 1),
	REFUSED("{", JSON_TRUNCATED, 1),
	REFUSED("[1", JSON_TRUNCATED, 2),
	REFUSED("[1,", JSON_TRUNCATED, 3),
	REFUSED("{\"a\"", JSON_TRUNCATED, 4),
	REFUSED("{\"a\":", JSON_TRUNCATED, 5),
	REFUSED("{\"a\":1,", JSON_TRUNCATED, 7),
	REFUSED("\"abc", JSON_TRUNCATED, 4),
	REFUSED("\"\\", JSON_TRUNCATED, 1),
	REFUSED("\"\\u00", JSON_TRUNCATED, 1),
	REFUSED("\"\xc3\xa4", JSON_TRUNCATED, 3),
	REFUSED("tru", JSON_TRUNCATED, 3),
	REFUSED("-", JSON_TRUNCATED, 1),
	REFUSED("1.", JSON_TRUNCATED, 2),
	REFUSED("1e", JSON_TRUNCATED, 2),
	REFUSED("1e-", JSON_TRUNCATED, 3),
	REFUSED("{} x", JSON_TRAILING, 3),
	REFUSED("nullx", JSON_TRAILING, 4),
	REFUSED("1-2", JSON_TRAILING, 1),
	REFUSED("0x1F", JSON_TRAILING, 1),
	REFUSED("[]]", JSON_TRAILING, 2),
	REFUSED("1 1", JSON_TRAILING, 2),
	REFUSED("\"a\"\"b\"", JSON_TRAILING, 3),
	REFUSED("{},", JSON_TRAILING, 2),
	REFUSED("\"\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xbf\"", JSON_UTF8, 1),
	REFUSED("\"\xc0\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xc1\xbf\"", JSON_UTF8, 1),
	REFUSED("\"\xc3\"", JSON_UTF8, 1),
	REFUSED("\"\xe0\x80\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xe0\x9f\xbf\"", JSON_UTF8, 1),
	REFUSED("\"\xed\xa0\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xed\xbf\xbf\"", JSON_UTF8, 1),
	REFUSED("\"\xe2\x28\xa1\"", JSON_UTF8, 1),
	REFUSED("\"\xe2\x82\x28\"", JSON_UTF8, 1),
	REFUSED("\"\xf0\x80\x80\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xf0\x8f\xbf\xbf\"", JSON_UTF8, 1),
	REFUSED("\"\xf4\x90\x80\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xf5\x80\x80\x80\"", JSON_UTF8, 1),
	REFUSED("\"\xf0\x9f\x98\x28\"", JSON_UTF8, 1),
	REFUSED("\"\xff\"", JSON_UTF8, 1),
	REFUSED("\"\xe2\x82", JSON_UTF8, 1),
	REFUSED("[\xff]", JSON_UTF8, 1),
	REFUSED("\"a\0b\"", JSON_NUL, 2),
	REFUSED("\"a\\u0000b\"", JSON_NUL, 2),
	REFUSED("{}\0", JSON_NUL, 2),
	REFUSED("\0", JSON_NUL, 0),
	REFUSED("[1\0]", JSON_NUL, 2),
	REFUSED("\"\\\0\"", JSON_NUL, 1),
	REFUSED("{\"a\\u0000\":1}", JSON_NUL, 3),
	REFUSED("1.\0", JSON_NUL, 2),
	REFUSED("\"\\ud800\"", JSON_SURROGATE, 1),
	REFUSED("\"\\udc00\"", JSON_SURROGATE, 1),
	REFUSED("\"\\ud800x\"", JSON_SURROGATE, 1),
	REFUSED("\"\\ud800\\n\"", JSON_SURROGATE, 1),
	REFUSED("\"\\ud800\\u0041\"", JSON_SURROGATE, 1),
	REFUSED("\"\\ud800\\ud800\"", JSON_SURROGATE, 1),
	REFUSED("\"\\udfff\\ud800\"", JSON_SURROGATE, 1),
	REFUSED("1e400", JSON_NUMBER, 0),
	REFUSED("[-1e400]", JSON_NUMBER, 1),
	REFUSED("1e309", JSON_NUMBER, 0),
	REFUSED("1.7976931348623159e308", JSON_NUMBER, 0),
	REFUSED("9007199254740993", JSON_NUMBER, 0),
	REFUSED("10000000000000000", JSON_NUMBER, 0),
	REFUSED("-9007199254740993", JSON_NUMBER, 0),
	REFUSED("[1,123456789012345678901234567890]", JSON_NUMBER, 3),
	REFUSED("0.1e310", JSON_NUMBER, 0),
	REFUSED("1e99999999999999999999", JSON_NUMBER, 0),
	REFUSED("1797693134862315900000e287", JSON_NUMBER, 0),
	REFUSED("{\"a\":1,\"a\":2}", JSON_REPEATED, 7),
	REFUSED("{\"\":1,\"\":2}", JSON_REPEATED, 6),
	REFUSED("{\"a\":1,\"\\u0061\":2}", JSON_REPEATED, 7),
	REFUSED("{\"\\u00e9\":1,\"\xc3\xa9\":2}", JSON_REPEATED, 12),
	REFUSED("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", JSON_REPEATED, 10),
	REFUSED("{\"\\/\":1,\"/\":2}", JSON_REPEATED, 8),
	REFUSED("[{\"b\":{\"b\":1},\"b\":2}]", JSON_REPEATED, 14),
};

START_TEST(what_only_bounds_and_numbers_speak_against_is_readable)
{
	static const char *const readable[] = { "{\"a\":[12345678901234567890,-1e400,0.1E+999]}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
		"{\"a\":1}" };
	static const char *const not_readable[] = { "", "{", "[1e400", "[1e400x]", "[1e400.5]",
		"[12345678901234567890.]", "{\"a\":1e400,\"a\":1}", "[1e400,01]", "\"\\u0000\"" };
	struct span value;

	for (size_t i = 0; i < sizeof(readable) / sizeof(*readable); i++)
		ck_assert_msg(json_is_readable(span_of(readable[i])), "%s", readable[i]);
	for (size_t i = 0; i < sizeof(not_readable) / sizeof(*not_readable); i++)
		ck_assert_msg(!json_is_readable(span_of(not_readable[i])), "%s", not_readable[i]);
	ck_assert(
	    json_find(SPAN("{\"a\":1e400,\"b\":-12345678901234567890,\"c\":2}"), "c", &value));
	ck_assert(span_is(value, "2"));
}
END_TEST

START_TEST(what_rfc_8259_allows_is_accepted)
{
	struct span text = span_of(accepted[_i]);
	size_t offset;

	ck_assert_msg(scan_copy(text, &bounds, &offset) == JSON_OK, "refused at %zu: %s", offset,
	    accepted[_i]);
	ck_assert_uint_eq(offset, text.n);
}
END_TEST

START_TEST(what_must_not_be_accepted_is_refused_by_name_and_place)
{
	const struct row *row = &refused[_i];
	size_t offset;
	enum json_fault fault = scan_copy(row->text, &bounds, &offset);

	ck_assert_msg(fault == row->fault, "%s instead of %s: %s", json_fault_name(fault),
	    json_fault_name(row->fault), row->text.p);
	ck_assert_msg(offset == row->offset, "at %zu: %s", offset, row->text.p);
	ck_assert_int_eq(json_scan(row->text, &bounds, NULL), fault);
}
END_TEST

START_TEST(every_fault_has_a_name_of_its_own)
{
	ck_assert_str_eq(json_fault_name(JSON_DEPTH), "JSON_DEPTH");
	for (int i = JSON_OK; i <= JSON_REPEATED; i++)
		for (int j = JSON_OK; j < i; j++)
			ck_assert_str_ne(json_fault_name((enum json_fault)i),
			    json_fault_name((enum json_fault)j));
}
END_TEST

static enum json_fault
scan_nested(size_t depth, char open, char close, const struct json_bounds *b)
{
	char *text = malloc(2 * depth * 4 + 1), *at = text;
	enum json_fault fault;

	for (size_t i = 0; i < depth; i++) {
		*at++ = open;
		if (open == '{' && i + 1 < depth)
			at = (char *)memcpy(at, "\"\":", 3) + 3;
	}
	memset(at, close, depth);
	fault = scan_copy((struct span){ text, (size_t)(at - text) + depth }, b, NULL);
	free(text);
	return fault;
}

START_TEST(each_bound_is_kept_at_the_limit_and_one_beyond)
{
	struct json_bounds b = { 3, 4, 5, 6 };

	ck_assert_int_eq(scan_nested(3, '[', ']', &b), JSON_OK);
	ck_assert_int_eq(scan_nested(4, '[', ']', &b), JSON_DEPTH);
	ck_assert_int_eq(scan_nested(3, '{', '}', &b), JSON_OK);
	ck_assert_int_eq(scan_nested(4, '{', '}', &b), JSON_DEPTH);
	ck_assert_int_eq(scan_copy(SPAN("[1,2,3]"), &b, NULL), JSON_OK);
	ck_assert_int_eq(scan_copy(SPAN("[1,2,3,4]"), &b, NULL), JSON_VALUES);
	ck_assert_int_eq(scan_copy(SPAN("\"12345\""), &b, NULL), JSON_OK);
	ck_assert_int_eq(scan_copy(SPAN("\"123456\""), &b, NULL), JSON_TEXT);
	ck_assert_int_eq(scan_copy(SPAN("\"\\u0041\""), &b, NULL), JSON_TEXT);
	ck_assert_int_eq(scan_copy(SPAN("{\"123456\":1}"), &b, NULL), JSON_OK);
	ck_assert_int_eq(scan_copy(SPAN("{\"1234567\":1}"), &b, NULL), JSON_KEY);
	b.depth = 0;
	ck_assert_int_eq(scan_copy(SPAN("1"), &b, NULL), JSON_OK);
	ck_assert_int_eq(scan_copy(SPAN("[]"), &b, NULL), JSON_DEPTH);
	b = (struct json_bounds){ 512, 1000, 5, 6 };
	ck_assert_int_eq(scan_nested(512, '{', '}', &b), JSON_OK);
	ck_assert_int_eq(scan_nested(513, '[', ']', &b), JSON_DEPTH);
	ck_assert_int_eq(scan_nested(2000000, '[', ']', &b), JSON_DEPTH);
}
END_TEST

/* An object of n members whose last one repeats the first; nested twice to exercise the stack. */
static enum json_fault
scan_members(int n, bool repeat)
{
	char *text = malloc((size_t)n * 32 + 100), *at = text;
	enum json_fault fault;

	at += sprintf(at, "{\"x\":{\"k0\":0},\"y\":{");
	for (int i = 0; i < n; i++)
		at +=
		    sprintf(at, "%s\"k%d\":{\"k0\":0}", i ? "," : "", repeat && i == n - 1 ? 0 : i);
	at += sprintf(at, "},\"k0\":1}");
	fault = scan_copy((struct span){ text, (size_t)(at - text) }, &bounds, NULL);
	free(text);
	return fault;
}

START_TEST(repeated_names_are_found_in_objects_of_up_to_64_members)
{
	for (int n = 2; n <= 64; n++) {
		ck_assert_int_eq(scan_members(n, false), JSON_OK);
		ck_assert_int_eq(scan_members(n, true), JSON_REPEATED);
	}
	ck_assert_int_eq(scan_members(65, true), JSON_OK);
	ck_assert_int_eq(scan_members(300, true), JSON_OK);
}
END_TEST

/* Names that agree in all the bytes that are hashed. */
START_TEST(long_names_are_compared_to_their_end)
{
	const struct json_bounds wide = { 4, 10, 10, 10000 };
	char text[2000], a[400], b[400];

	memset(a, 'n', sizeof(a));
	a[399] = '\0';
	memcpy(b, a, sizeof(b));
	for (int same = 0; same < 2; same++) {
		b[398] = same ? 'n' : 'm';
		snprintf(text, sizeof(text), "{\"%s\":1,\"\\u006e%s\":2}", a, b + 1);
		ck_assert_int_eq(
		    scan_copy(span_of(text), &wide, NULL), same ? JSON_REPEATED : JSON_OK);
		snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", a, b);
		ck_assert_int_eq(
		    scan_copy(span_of(text), &wide, NULL), same ? JSON_REPEATED : JSON_OK);
	}
}
END_TEST

/* The rule by digits must agree with the C library's rounding, all around the greatest double. */
START_TEST(finite_means_what_strtod_means)
{
	static const char halfway[] =
	    "179769313486231580793728971405303415079934132710037826936173778980444968292764"
	    "750946649017977587207096330286416692887910946555547851940402630657488671505820"
	    "681908902000708383676273854845817711531764475730270069855571366959622842914819"
	    "860834936475292719074168444365510704342711559699508093042880177904174497792";
	char text[1024];

	srandom(random_seed(0));
	snprintf(text, sizeof(text), "%s.0", halfway);
	ck_assert_int_eq(scan_copy(span_of(text), &bounds, NULL), JSON_NUMBER);
	for (int i = 0; i < 20000; i++) {
		size_t digit = (size_t)random() % 309, cut = 1 + (size_t)random() % 308;
		bool finite;
		snprintf(text, sizeof(text), "%.*s.%s%s", (int)cut, halfway, halfway + cut, "e");
		if (digit != cut && random() % 8)
			text[digit + (digit >= cut)] = (char)('0' + random() % 10);
		if (text[0] == '0')
			text[0] = '1';
		snprintf(text + 311, 32, "%zu", 309 - cut);
		finite = strtod(text, NULL) <= 1.7976931348623157e308;
		ck_assert_msg(
		    (scan_copy(span_of(text), &bounds, NULL) == JSON_OK) == finite, "%s", text);
	}
}
END_TEST

/* Never beyond the end, never without an answer, and each cut of a good text is refused. */
START_TEST(mutated_texts_are_scanned_within_their_bounds)
{
	static const char good[] =
	    "{\"id\":\"\\u00e9\\ud83d\\ude00 \xc3\xa9\xe2\x82\xac\","
	    "\"list\":[1,-2.5e3,true,false,null,{\"x\":\"\"}],\"text\":\"abcdefghijklmnop\\n\"}";
	static const char pool[] = "{}[]:,\"\\u0eE+-.dtfn \x80\xc3\xed\xf0\xff\n";
	size_t n = sizeof(good) - 1, accepted_n = 0, offset;
	char text[sizeof(good)];

	srandom(random_seed(0));
	ck_assert_int_eq(scan_copy((struct span){ good, n }, &bounds, NULL), JSON_OK);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_ne(scan_copy((struct span){ good, i }, &bounds, NULL), JSON_OK);
	for (int round = 0; round < 100000; round++) {
		memcpy(text, good, n);
		for (long left = 1 + random() % 3; left > 0; left--)
			text[(size_t)random() % n] = pool[(size_t)random() % (sizeof(pool) - 1)];
		accepted_n += scan_copy((struct span){ text, n }, &bounds, &offset) == JSON_OK;
		ck_assert_uint_le(offset, n);
	}
	ck_assert_uint_gt(accepted_n, 0);
	ck_assert_uint_lt(accepted_n, 100000);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("json_scan");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_only_bounds_and_numbers_speak_against_is_readable);
	tcase_add_loop_test(
	    c, what_rfc_8259_allows_is_accepted, 0, (int)(sizeof(accepted) / sizeof(*accepted)));
	tcase_add_loop_test(c, what_must_not_be_accepted_is_refused_by_name_and_place, 0,
	    (int)(sizeof(refused) / sizeof(*refused)));
	tcase_add_test(c, every_fault_has_a_name_of_its_own);
	tcase_add_test(c, each_bound_is_kept_at_the_limit_and_one_beyond);
	tcase_add_test(c, repeated_names_are_found_in_objects_of_up_to_64_members);
	tcase_add_test(c, long_names_are_compared_to_their_end);
	tcase_add_test(c, finite_means_what_strtod_means);
	tcase_add_test(c, mutated_texts_are_scanned_within_their_bounds);
	return run_tests(c);
}
