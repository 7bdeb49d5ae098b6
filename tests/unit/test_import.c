#include "import_reading.h"

#include <unistd.h>

/* The forest by names, one ">" for each level: "a >b >>c ". */
static void
describe(char out[1024])
{
	struct uuid path[64];
	size_t depth = 0;

	*out = '\0';
	for (size_t i = 0; i < im.n; i++) {
		const struct import_node *node = &im.nodes[i];
		while (depth && !uuid_equal(&path[depth - 1], &node->parent))
			depth--;
		for (size_t j = 0; j < depth; j++)
			strcat(out, ">");
		ck_assert(depth || uuid_is_nil(&node->parent));
		strcat(out, node->content->name);
		strcat(out, " ");
		path[depth++] = node->id;
	}
}

static void
expect_forest(const char *text, const char *forest)
{
	char got[1024];

	ck_assert_msg(read_text(text) == OK, "%s: %s", text, why.message);
	describe(got);
	ck_assert_str_eq(got, forest);
}

static void
expect_refused(const char *text, enum error err, const char *words)
{
	enum error got = read_text(text);

	ck_assert_msg(got == err, "%s: %d %s", text, (int)got, why.message);
	ck_assert_msg(
	    strstr(why.message, words) != NULL, "\"%s\" lacks \"%s\"", why.message, words);
	ck_assert_uint_eq(im.n, 0);
	ck_assert_ptr_null(im.nodes);
}

static void
expect_warning(const char *rule, const char *words)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted), "\"rule\":\"%s\",\"message\":\"%s", rule, words);
	ck_assert_msg(fixture_has(&im.warnings, wanted), "%.*s lacks %s", (int)im.warnings.n,
	    im.warnings.bytes ? im.warnings.bytes : "", wanted);
}

START_TEST(all_shapes_give_the_same_forest)
{
	static const char forest[] = "a >b >>d >c e ";
	static const char *const shapes[] = {
		"{\"nodes\":{\"a\":{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\",\"children\":[\"b\","
		"\"c\"]},"
		"\"b\":{\"type\":\"t\",\"name\":\"b\",\"children\":[\"d\"],\"parent_id\":\"a\"},"
		"\"c\":{\"type\":\"t\",\"name\":\"c\"},\"d\":{\"type\":\"t\",\"name\":\"d\"},"
		"\"e\":{\"type\":\"t\",\"name\":\"e\"}}}",
		"{\"graph\":{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\",\"child_ids\":["
		"\"b\",\"c\"]},"
		"{\"id\":\"d\",\"blueprintType\":\"t\",\"properties\":{\"name\":\"d\"}},"
		"{\"id\":\"b\",\"blueprint_type_id\":\"t\",\"label\":\"b\",\"childIds\":[\"d\"]},"
		"{\"id\":\"c\",\"type\":\"t\",\"name\":\"c\"},{\"id\":\"e\",\"type\":\"t\","
		"\"name\":\"e\"}]}}",
		"{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\"},"
		"{\"id\":\"b\",\"type\":\"t\",\"name\":\"b\",\"parent_id\":\"a\"},"
		"{\"id\":\"c\",\"type\":\"t\",\"name\":\"c\",\"parentId\":\"a\"},"
		"{\"id\":\"d\",\"type\":\"t\",\"name\":\"d\",\"parent_id\":\"b\"},"
		"{\"id\":\"e\",\"type\":\"t\",\"name\":\"e\",\"parent_id\":null}]}",
		"{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\"},"
		"{\"id\":\"b\",\"type\":\"t\",\"name\":\"b\"},{\"id\":\"c\",\"type\":\"t\","
		"\"name\":\"c\"},"
		"{\"id\":\"d\",\"type\":\"t\",\"name\":\"d\"},{\"id\":\"e\",\"type\":\"t\","
		"\"name\":\"e\"}],"
		"\"edges\":[{\"source\":\"a\",\"target\":\"b\"},{\"source\":\"b\",\"target\":\"d\"}"
		","
		"{\"source\":\"a\",\"target\":\"c\"}]}",
		" { \"roots\" : [ { \"id\" : \"a\" , \"type\" : \"t\" , \"name\" : \"a\" , "
		"\"children\" : [ "
		"{ \"id\" : \"b\", \"type\" : \"t\", \"name\":\"b\", \"children\" : [ "
		"{\"id\":\"d\",\"type\":"
		"\"t\",\"name\":\"d\"} ] }, \"c\" ] } , "
		"{\"id\":\"e\",\"type\":\"t\",\"name\":\"e\"} ], "
		"\"nodes\":[{\"id\":\"c\",\"type\":\"t\",\"name\":\"c\"}] } ",
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		expect_forest(shapes[i], forest);
		ck_assert_uint_eq(im.warnings.n, 0);
		ck_assert_ptr_null(im.extra);
	}
	clean();
}
END_TEST

START_TEST(children_count_before_parents_and_parents_before_edges)
{
	expect_forest(
	    "{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\",\"children\":[\"c\"]},"
	    "{\"id\":\"b\",\"type\":\"t\",\"name\":\"b\"},"
	    "{\"id\":\"c\",\"type\":\"t\",\"name\":\"c\",\"parent_id\":\"b\"},"
	    "{\"id\":\"d\",\"type\":\"t\",\"name\":\"d\",\"parent_id\":\"b\"}],"
	    "\"edges\":[{\"source\":\"a\",\"target\":\"d\"},{\"source\":\"a\",\"target\":\"c\"}]}",
	    "a >c b >d ");
	expect_warning("two_parents", "The node c stays under a, not under b.");
	expect_warning("edge_ignored", "The node d stays under b, not under a.");
	clean();
}
END_TEST

START_TEST(a_list_of_roots_gives_their_order)
{
	expect_forest("{\"roots\":[\"c\",\"a\",\"x\"],\"nodes\":[{\"id\":\"a\",\"type\":\"t\","
		      "\"name\":\"a\"},"
		      "{\"id\":\"b\",\"type\":\"t\",\"name\":\"b\"},{\"id\":\"c\",\"type\":\"t\","
		      "\"name\":\"c\"}]}",
	    "c a b ");
	expect_warning("missing_child", "The child x of the roots is dropped");
	clean();
}
END_TEST

START_TEST(what_gets_lost_is_told_with_the_node)
{
	struct uuid id;
	char text[UUID_TEXT + 1];

	expect_forest(
	    "{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"a\",\"children\":[\"gone\",\"c\","
	    "\"c\"]},"
	    "{\"id\":\"b\",\"type\":\"t\",\"name\":\"b\",\"children\":[\"c\"],\"parent_id\":"
	    "\"nobody\","
	    "\"icon_id\":7,\"blueprintType\":\"u\"},{\"id\":\"c\",\"type\":\"t\",\"name\":\"c\"}],"
	    "\"edges\":[{\"source\":\"a\",\"target\":\"ghost\"},7]}",
	    "a >c b ");
	expect_warning("missing_child", "The child gone of a is dropped");
	expect_warning("two_parents", "The node c stays under a, not under b.");
	expect_warning("unknown_parent", "The node b names the parent nobody");
	expect_warning("edge_ignored", "The edge from a to ghost is dropped");
	expect_warning("member_ignored", "The icon_id of node b");
	expect_warning("type_ignored", "Node b names two types; u counts.");
	uuid_of_name(SPAN("b"), &id);
	uuid_format(&id, text);
	ck_assert(fixture_has(&im.warnings, text));
	clean();
}
END_TEST

START_TEST(what_is_no_graph_is_refused_with_the_node)
{
	const enum error e = ERROR_invalid_graph;

	expect_refused("[]", e, "no object");
	expect_refused("7", e, "no object");
	expect_refused("{}", e, "neither nodes nor roots");
	expect_refused("{\"graph\":[]}", e, "no object");
	expect_refused("{\"graph\":{\"nodes\":7}}", e, "no list");
	expect_refused("{\"roots\":{}}", e, "no list");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\"},7]}", e, "Element 2 of the list");
	expect_refused("{\"nodes\":[\"a\"]}", e, "Element 1 of the list");
	expect_refused("{\"nodes\":{\"a\":[]}}", e, "Element 1 of the list");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\"},{\"type\":\"t\"}]}", e,
	    "Node 2 of its list has no id");
	expect_refused("{\"nodes\":[{\"id\":7,\"type\":\"t\"}]}", e, "id of node 1 of its list");
	expect_refused("{\"nodes\":[{\"id\":\"\",\"type\":\"t\"}]}", e, "has no id");
	expect_refused("{\"nodes\":{\"k\":{\"id\":\"a\",\"type\":\"t\"}}}", e,
	    "The node a stands under the key k");
	expect_refused("{\"nodes\":[{\"id\":\"a\"}]}", e, "The node a has no type");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":[]}]}", e, "The node a has no type");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\"},{\"id\":\"a\",\"type\":\"t\"}]}",
	    e, "The node a stands there twice");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"properties\":[]}]}", e,
	    "properties of node a");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"children\":{}}]}", e,
	    "children of node \"a\"");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"children\":[null]}]}", e,
	    "Element 1 of the list in node");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"parent_id\":7}]}", e,
	    "parent_id of node a");
	expect_refused("{\"nodes\":[],\"edges\":{}}", e, "The edges are no list");
	expect_refused(
	    "{\"format\":\"graphd-project\",\"version\":2,\"graph\":{\"nodes\":[]}}", e, "version");
	clean();
}
END_TEST

START_TEST(cycles_are_refused_with_a_node_on_them)
{
	const enum error e = ERROR_invalid_graph;

	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"children\":[\"a\"]}]}", e,
	    "The node a is its own");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"parent_id\":\"a\"}]}", e,
	    "The node a is its own");
	expect_refused("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\"}],\"edges\":[{\"source\":\"a\","
		       "\"target\":\"a\"}]}",
	    e, "its own");
	/* below hangs under the cycle of on and off, but is not on it. */
	expect_refused("{\"nodes\":[{\"id\":\"r\",\"type\":\"t\"},{\"id\":\"below\",\"type\":\"t\","
		       "\"parent_id\":\"on\"},"
		       "{\"id\":\"on\",\"type\":\"t\",\"children\":[\"off\"]},"
		       "{\"id\":\"off\",\"type\":\"t\",\"children\":[\"on\"]}]}",
	    e, "The node o");
	clean();
}
END_TEST

START_TEST(ids_that_are_no_uuids_become_the_uuid_of_their_name_everywhere)
{
	struct uuid id;

	ck_assert_int_eq(
	    read_text("{\"nodes\":[{\"id\":\"$0\",\"type\":\"t\",\"children\":"
		      "[\"6BA7B810-9dad-11d1-80b4-00c04fd430c8\"]},"
		      "{\"id\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\",\"type\":\"t\"}]}"),
	    OK);
	uuid_of_name(SPAN("$0"), &id);
	ck_assert(uuid_equal(&im.nodes[0].id, &id));
	ck_assert(uuid_equal(&im.nodes[1].parent, &id));
	ck_assert(uuid_parse(SPAN("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &id));
	ck_assert(uuid_equal(&im.nodes[1].id, &id));
	clean();
}
END_TEST

START_TEST(names_come_from_the_first_place_that_has_one)
{
	expect_forest(
	    "{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":\"n\",\"label\":\"l\","
	    "\"properties\":{\"name\":\"p\"}},"
	    "{\"id\":\"b\",\"type\":\"t\",\"label\":\"l\",\"properties\":{\"name\":\"p\\u0041\"}},"
	    "{\"id\":\"c\",\"type\":\"t\",\"label\":\"l\",\"properties\":{\"name\":[7]}},"
	    "{\"id\":\"d\",\"type\":\"t\",\"label\":null,\"name\":null},"
	    "{\"id\":\"e\",\"type\":\"t\",\"name\":\"\",\"label\":\"l\"}]}",
	    "n pA l t  ");
	ck_assert_str_eq(im.nodes[1].content->extra, "\"label\":\"l\"");
	clean();
}
END_TEST

START_TEST(what_yaml_takes_for_a_number_is_a_name_all_the_same)
{
	expect_forest("{\"nodes\":[{\"id\":\"a\",\"type\":\"t\",\"name\":2024},"
		      "{\"id\":\"b\",\"type\":\"t\",\"properties\":{\"name\":true}},"
		      "{\"id\":\"c\",\"type\":\"t\",\"name\":[],\"label\":1.50}]}",
	    "2024 true 1.50 ");
	ck_assert_uint_eq(im.warnings.n, 0);
	clean();
}
END_TEST

START_TEST(unknown_members_of_every_level_are_kept)
{
	ck_assert_int_eq(
	    read_text(
		"{\"graph\":{\"id\":\"g\",\"nodes\":[{\"id\":\"a\",\"type\":\"t\", \"x\" : [ 1 , "
		"\"\\u0041\" ],"
		"\"metadata\":{},\"indicator\":{\"bullet\":\"*\"},\"indicator_id\":\"i\","
		"\"indicator_set\":\"s\","
		"\"icon_id\":\"c\",\"properties\":{\"p\" : { \"q\" : 1.50 }}}],\"edges\":[]},"
		"\"template_id\":\"small\",\"project_name\":\"P\",\"expanded_map\":{\"a\":true}}"),
	    OK);
	ck_assert_str_eq(im.template_id, "small");
	ck_assert_str_eq(im.project_name, "P");
	ck_assert_str_eq(
	    im.extra, "\"file\":{\"expanded_map\":{\"a\":true}},\"graph\":{\"id\":\"g\"}");
	ck_assert_str_eq(im.nodes[0].content->extra, "\"x\":[1,\"\\u0041\"],\"metadata\":{}");
	ck_assert_str_eq(im.nodes[0].content->indicator_id, "i");
	ck_assert_str_eq(im.nodes[0].content->indicator_set, "s");
	ck_assert_str_eq(im.nodes[0].content->icon_id, "c");
	ck_assert_str_eq(im.nodes[0].content->properties[0].value, "{\"q\":1.50}");
	ck_assert_int_eq(read_text("{\"version\":\"1\",\"name\":\"N\",\"templates\":[\"restomod."
				   "yaml\"],\"nodes\":{}}"),
	    OK);
	ck_assert_str_eq(im.template_id, "restomod");
	ck_assert_str_eq(im.project_name, "N");
	ck_assert_str_eq(im.extra,
	    "\"file\":{\"version\":\"1\",\"name\":\"N\",\"templates\":[\"restomod.yaml\"]}");
	/* What our own answers say beside a tree is computed, not kept. */
	ck_assert_int_eq(
	    read_text("{\"roots\":[],\"seq\":7,\"log_id\":\"x\",\"state_hash\":\"y\",\"z\":1}"),
	    OK);
	ck_assert_str_eq(im.extra, "\"graph\":{\"z\":1}");
	clean();
}
END_TEST

START_TEST(uuid_forms_of_types_and_properties_become_plain_ids)
{
	char directory[] = "/tmp/test_import_XXXXXX", path[64];
	static const char text[] =
	    "{\"template_id\":\"other\",\"nodes\":[{\"id\":\"a\","
	    "\"type\":\"292B9E11-45c7-94f4-20db-7f6085266a4f\",\"properties\":{"
	    "\"19419fc9-6b1c-c58c-8c6b-2b00ae2dbcc2\":\"N\",\"29419fc9-6b1c-c58c-8c6b-"
	    "2b00ae2dbcc2\":1,"
	    "\"name\":\"again\"}}]}"; /* the same property under both its ids */
	struct blueprints *all;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/r.yaml", directory);
	file = fopen(path, "w");
	fputs("node_types: [{id: project_root, properties: [{id: name}]}]", file);
	fclose(file);
	all = blueprints_open(directory);
	/* The template that is asked for counts, not the one in the file, which is not installed.
	 */
	ck_assert_int_eq(import_read(span_of(text), all, SPAN("r"), &im, &why), OK);
	expect_warning("repeated_property", "The second value of property name of node a");
	ck_assert_str_eq(im.template_id, "r");
	ck_assert_str_eq(im.nodes[0].content->type, "project_root");
	ck_assert_str_eq(im.nodes[0].content->name, "N");
	ck_assert_str_eq(im.nodes[0].content->properties[0].key, "name");
	ck_assert_str_eq(
	    im.nodes[0].content->properties[1].key, "29419fc9-6b1c-c58c-8c6b-2b00ae2dbcc2");
	ck_assert_int_eq(read_text(text), OK);
	ck_assert_str_eq(im.nodes[0].content->type, "292B9E11-45c7-94f4-20db-7f6085266a4f");
	blueprints_free(all);
	unlink(path);
	rmdir(directory);
	clean();
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("import");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, all_shapes_give_the_same_forest);
	tcase_add_test(c, children_count_before_parents_and_parents_before_edges);
	tcase_add_test(c, a_list_of_roots_gives_their_order);
	tcase_add_test(c, what_gets_lost_is_told_with_the_node);
	tcase_add_test(c, what_is_no_graph_is_refused_with_the_node);
	tcase_add_test(c, cycles_are_refused_with_a_node_on_them);
	tcase_add_test(c, ids_that_are_no_uuids_become_the_uuid_of_their_name_everywhere);
	tcase_add_test(c, names_come_from_the_first_place_that_has_one);
	tcase_add_test(c, what_yaml_takes_for_a_number_is_a_name_all_the_same);
	tcase_add_test(c, unknown_members_of_every_level_are_kept);
	tcase_add_test(c, uuid_forms_of_types_and_properties_become_plain_ids);
	return run_tests(c);
}
