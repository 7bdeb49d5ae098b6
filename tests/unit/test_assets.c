#include "gatewayd/assets.h"

#include "common/json.h"
#include "common/limits.h"
#include "run_tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/assets-XXXXXX";
static struct assets *assets;

static void
put(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	fclose(file);
}

static void
make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void
set_up(void)
{
	strcpy(directory, "/tmp/assets-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	make("indicators");
	make("indicators/status");
	make("icons");
	put("indicators/status/a.svg", "<svg>a</svg>");
	put("indicators/status/b.svg", "<svg>b</svg>");
	put("icons/book.svg", "<svg>book</svg>");
	put("indicators/catalog.json",
	    "{ \"indicator_sets\": { \"status\": { \"indicators\": [\n"
	    "{\"id\":\"a\",\"file\":\"status/"
	    "a.svg\",\"theme\":{\"indicator_color\":\"#ffffff\"}},\n"
	    "{\"id\":\"b\",\"file\":\"status/b.svg\"}] } } }");
	put("icons/catalog.json", "{ \"icons\": [ {\"id\":\"book\",\"file\":\"book.svg\"} ] }");
	assets = NULL;
}

static void
tear_down(void)
{
	char command[64];

	assets_free(assets);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(what_the_catalogs_name_is_there)
{
	assets = assets_new(directory);
	ck_assert_ptr_nonnull(assets);
	ck_assert(span_is(assets_indicator(assets, SPAN("status"), SPAN("a")), "<svg>a</svg>"));
	ck_assert(span_is(assets_indicator(assets, SPAN("status"), SPAN("b")), "<svg>b</svg>"));
	ck_assert(span_is(assets_icon(assets, SPAN("book")), "<svg>book</svg>"));
	ck_assert(span_is(
	    assets_icon_catalog(assets), "{\"icons\":[{\"id\":\"book\",\"file\":\"book.svg\"}]}"));
}
END_TEST

START_TEST(a_theme_is_the_catalogs_or_grey)
{
	assets = assets_new(directory);
	ck_assert(span_is(assets_indicator_theme(assets, SPAN("status"), SPAN("a")),
	    "{\"indicator_color\":\"#ffffff\"}"));
	ck_assert(span_is(assets_indicator_theme(assets, SPAN("status"), SPAN("b")),
	    "{\"indicator_color\":\"#888888\",\"text_color\":\"#888888\"}"));
	ck_assert_ptr_null(assets_indicator_theme(assets, SPAN("status"), SPAN("c")).p);
}
END_TEST

START_TEST(anything_else_is_not_there)
{
	assets = assets_new(directory);
	ck_assert_ptr_null(assets_indicator(assets, SPAN("status"), SPAN("c")).p);
	ck_assert_ptr_null(assets_indicator(assets, SPAN("other"), SPAN("a")).p);
	ck_assert_ptr_null(assets_icon(assets, SPAN("a")).p);
	ck_assert_ptr_null(assets_indicator(assets, SPAN(""), SPAN("book")).p);
}
END_TEST

START_TEST(without_a_directory_the_catalogs_are_empty)
{
	assets = assets_new(NULL);
	ck_assert(span_is(assets_indicator_catalog(assets), "{\"indicator_sets\":{}}"));
	ck_assert(span_is(assets_icon_catalog(assets), "{\"icons\":[]}"));
	ck_assert_ptr_null(assets_icon(assets, SPAN("book")).p);
}
END_TEST

static const struct {
	const char *file, *text;
} broken[] = {
	{ "icons/catalog.json", "{\"icons\":[{\"id\":\"x\",\"file\":\"absent.svg\"}]}" },
	{ "icons/catalog.json", "{\"icons\":[{\"id\":\"x\",\"file\":\"../icons/book.svg\"}]}" },
	{ "icons/catalog.json", "{\"icons\":[{\"id\":\"x\",\"file\":\"/etc/hostname\"}]}" },
	{ "icons/catalog.json", "{\"icons\":[{\"file\":\"book.svg\"}]}" },
	{ "icons/catalog.json", "{\"icons\":[" },
	{ "indicators/catalog.json", "[]" },
	{ "indicators/catalog.json", "" },
};

START_TEST(a_broken_directory_is_refused_as_a_whole)
{
	put(broken[_i].file, broken[_i].text);
	ck_assert_ptr_null(assets_new(directory));
}
END_TEST

START_TEST(a_file_larger_than_any_drawing_is_refused)
{
	static char text[256 * 1024 + 2];

	memset(text, 'x', sizeof(text) - 1);
	put("icons/book.svg", text);
	ck_assert_ptr_null(assets_new(directory));
}
END_TEST

START_TEST(a_link_that_leads_elsewhere_is_refused)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/icons/book.svg", directory);
	unlink(path);
	ck_assert_int_eq(symlink("/etc/hostname", path), 0);
	ck_assert_ptr_null(assets_new(directory));
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("assets");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, what_the_catalogs_name_is_there);
	tcase_add_test(t, a_theme_is_the_catalogs_or_grey);
	tcase_add_test(t, anything_else_is_not_there);
	tcase_add_test(t, without_a_directory_the_catalogs_are_empty);
	tcase_add_loop_test(
	    t, a_broken_directory_is_refused_as_a_whole, 0, sizeof(broken) / sizeof(*broken));
	tcase_add_test(t, a_file_larger_than_any_drawing_is_refused);
	tcase_add_test(t, a_link_that_leads_elsewhere_is_refused);
	return run_tests(t);
}
