#include "import_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SMALL[] = "name: Small\n"
			    "node_types:\n"
			    "  - id: phase\n"
			    "    label: Phase\n"
			    "    icon: flag\n"
			    "    has_time_log: yes\n"
			    "    allowed_children: [job, phase]\n"
			    "    properties:\n"
			    "      - {id: name, label: Phase Name, required: true}\n"
			    "      - id: status\n"
			    "        type: select\n"
			    "        indicator_set: status\n"
			    "        options:\n"
			    "          - {name: Planned, indicator_id: empty, bullet: '*'}\n"
			    "          - Done\n"
			    "          - {id: late, name: Too Late}\n"
			    "      - {id: rate, type: number, value: 1.50}\n"
			    "      - {id: who, type: person, value: [a, {b: true}]}\n"
			    "  - id: job\n";

static void
expect_refused(const char *yaml, const char *words)
{
	char message[256] = "";
	struct blueprint *b = blueprint_parse(SPAN("x"), span_of(yaml), message);

	ck_assert_msg(!b, "taken: %s", yaml);
	ck_assert_msg(strstr(message, words) != NULL, "\"%s\" lacks \"%s\"", message, words);
}

START_TEST(a_blueprint_is_read_with_its_defaults)
{
	struct blueprint *b = fixture_blueprint(SMALL);
	const struct node_type *phase = blueprint_type(b, "phase"), *job = blueprint_type(b, "job");
	const struct property_type *rate = node_type_property(phase, "rate");

	ck_assert_str_eq(b->id, "test");
	ck_assert_str_eq(b->name, "Small");
	ck_assert_str_eq(b->description, "");
	ck_assert_uint_eq(b->n_types, 2);
	ck_assert(phase->has_time_log && !job->has_time_log);
	ck_assert_uint_eq(phase->n_allowed_children, 2);
	ck_assert_str_eq(phase->allowed_children[1], "phase");
	ck_assert_str_eq(job->label, "job");
	ck_assert_ptr_null(job->icon);
	ck_assert_int_eq(rate->type, VALUE_NUMBER);
	ck_assert_str_eq(rate->value, "1.50");
	ck_assert_int_eq(node_type_property(phase, "name")->type, VALUE_TEXT);
	ck_assert(node_type_property(phase, "name")->required && !rate->required);
	ck_assert_int_eq(node_type_property(phase, "who")->type, VALUE_OTHER);
	ck_assert_str_eq(node_type_property(phase, "who")->type_name, "person");
	ck_assert_str_eq(node_type_property(phase, "who")->value, "[\"a\",{\"b\":true}]");
	ck_assert_ptr_null(node_type_property(phase, "absent"));
	ck_assert_ptr_null(node_type_property(NULL, "name"));
	ck_assert_ptr_null(blueprint_type(b, "Phase"));
	ck_assert_ptr_null(blueprint_type(NULL, "phase"));
	blueprint_free(b);
}
END_TEST

START_TEST(option_ids_are_the_hash_of_their_place_unless_given)
{
	struct blueprint *b = fixture_blueprint(SMALL);
	const struct property_type *p = node_type_property(blueprint_type(b, "phase"), "status");

	ck_assert_uint_eq(p->n_options, 3);
	ck_assert_str_eq(p->options[0].id, "24702b82-a400-7171-0d70-6f60079fa142");
	ck_assert_str_eq(p->options[0].indicator_id, "empty");
	ck_assert_str_eq(p->options[0].bullet, "*");
	ck_assert_str_eq(p->options[1].name, "Done");
	ck_assert_uint_eq(strlen(p->options[1].id), UUID_TEXT);
	ck_assert_str_eq(p->options[2].id, "late");
	blueprint_free(b);
}
END_TEST

START_TEST(types_and_properties_have_the_uuids_of_older_files)
{
	struct blueprint *b =
	    fixture_blueprint("node_types:\n"
			      "- {id: project_root, properties: [{id: name}]}\n"
			      "- {id: x, uuid: 11111111-2222-3333-4444-555555555555, properties: "
			      "[{id: y, uuid: odd}]}\n");

	ck_assert_str_eq(b->types[0].uuid, "292b9e11-45c7-94f4-20db-7f6085266a4f");
	ck_assert_str_eq(b->types[0].properties[0].uuid, "19419fc9-6b1c-c58c-8c6b-2b00ae2dbcc2");
	ck_assert_str_eq(b->types[1].uuid, "11111111-2222-3333-4444-555555555555");
	ck_assert_uint_eq(strlen(b->types[1].properties[0].uuid), UUID_TEXT);
	blueprint_free(b);
}
END_TEST

START_TEST(an_option_is_found_by_id_or_exact_name)
{
	struct blueprint *b = fixture_blueprint(SMALL);
	const struct property_type *p = node_type_property(blueprint_type(b, "phase"), "status");

	ck_assert_ptr_eq(property_type_option(p, "\"Planned\""), &p->options[0]);
	ck_assert_ptr_eq(
	    property_type_option(p, "\"24702b82-a400-7171-0d70-6f60079fa142\""), &p->options[0]);
	ck_assert_ptr_eq(property_type_option(p, "\"late\""), &p->options[2]);
	ck_assert_ptr_eq(property_type_option(p, "\"Too \\u004cate\""), &p->options[2]);
	ck_assert_ptr_null(property_type_option(p, "\"planned\""));
	ck_assert_ptr_null(property_type_option(p, "null"));
	ck_assert_ptr_null(property_type_option(p, "7"));
	ck_assert_ptr_null(property_type_option(p, NULL));
	blueprint_free(b);
}
END_TEST

START_TEST(the_indicator_is_that_of_the_first_known_option)
{
	struct blueprint *b = fixture_blueprint(SMALL);
	struct property p[] = { { (char *)"rate", (char *)"1" },
		{ (char *)"status", (char *)"\"Planned\"" } };
	struct content c = { .type = (char *)"phase", .properties = p, .n_properties = 2 };
	const struct option *option = NULL;
	const char *set = NULL;

	ck_assert(blueprint_indicator(b, &c, &set, &option));
	ck_assert_str_eq(set, "status");
	ck_assert_str_eq(option->indicator_id, "empty");
	p[1].value = (char *)"\"unknown\"";
	ck_assert(!blueprint_indicator(b, &c, &set, &option));
	c.type = (char *)"job";
	ck_assert(!blueprint_indicator(b, &c, &set, &option));
	ck_assert(!blueprint_indicator(NULL, &c, &set, &option));
	blueprint_free(b);
}
END_TEST

START_TEST(the_schema_has_the_shape_of_the_contract)
{
	struct blueprint *b = fixture_blueprint(
	    "{name: N, description: D, node_types: [{id: phase, label: Phase, icon: flag, "
	    "allowed_children: [job], properties: [{id: status, label: Status, type: select, "
	    "required: true, indicator_set: status, options: [{name: Planned, indicator_id: "
	    "empty}, "
	    "{id: d, name: Done}]}, {id: cost, label: Cost, type: currency}]}, {id: job}]}");
	struct json_out out = { 0 };
	char *text;

	blueprint_schema(b, &out);
	text = xspandup(json_out_span(&out));
	ck_assert_str_eq(text,
	    "{\"id\":\"test\",\"name\":\"N\",\"description\":\"D\",\"node_types\":["
	    "{\"id\":\"phase\",\"name\":\"Phase\",\"icon\":\"flag\",\"allowed_children\":[\"job\"],"
	    "\"properties\":[{\"id\":\"status\",\"name\":\"Status\",\"type\":\"select\","
	    "\"required\":true,\"indicator_set\":\"status\",\"options\":["
	    "{\"id\":\"24702b82-a400-7171-0d70-6f60079fa142\",\"name\":\"Planned\","
	    "\"indicator_id\":\"empty\"},{\"id\":\"d\",\"name\":\"Done\",\"indicator_id\":null}]},"
	    "{\"id\":\"cost\",\"name\":\"Cost\",\"type\":\"currency\",\"required\":false,"
	    "\"indicator_set\":null,\"options\":null}]},"
	    "{\"id\":\"job\",\"name\":\"job\",\"icon\":null,\"allowed_children\":[],"
	    "\"properties\":[]}]}");
	free(text);
	json_out_fini(&out);
	blueprint_free(b);
}
END_TEST

START_TEST(what_is_no_blueprint_is_refused_with_its_line)
{
	expect_refused("", "line 1: a blueprint must be a mapping");
	expect_refused("name: x\n", "line 1: a blueprint without node_types");
	expect_refused("node_types: {}\n", "line 1: node_types must be a list");
	expect_refused("node_types: []\n", "without node_types");
	expect_refused("node_types:\n- x\n", "line 2: a node type must be a mapping");
	expect_refused("node_types:\n- label: x\n", "line 2: a node type without an id");
	expect_refused("node_types:\n- id: ''\n", "line 2: an id must be");
	expect_refused("node_types:\n- id: [1]\n", "line 2: an id must be");
	expect_refused("name: [1]\nnode_types:\n- id: a\n", "line 1: name must be a text");
	expect_refused("node_types:\n- id: a\n- id: b\n- id: a\n", "the node type a stands twice");
	expect_refused(
	    "node_types:\n- id: a\n  allowed_children: b\n", "line 3: allowed_children must");
	expect_refused(
	    "node_types:\n- id: a\n  allowed_children: [[]]\n", "line 3: an allowed child");
	expect_refused(
	    "node_types:\n- id: a\n  has_time_log: often\n", "line 3: has_time_log must");
	expect_refused(
	    "node_types:\n- id: a\n  properties: 1\n", "line 3: properties must be a list");
	expect_refused("node_types:\n- id: a\n  properties:\n  - type: text\n",
	    "line 4: a property without an id");
	expect_refused("node_types:\n- id: a\n  properties:\n  - id: p\n  - id: p\n",
	    "line 2: the property p stands twice");
	expect_refused("node_types:\n- id: a\n  properties:\n  - id: p\n    required: 3\n",
	    "line 5: required must");
	expect_refused("node_types:\n- id: a\n  properties:\n  - id: p\n    options: [x, x]\n",
	    "stands twice");
	expect_refused("node_types:\n- id: a\n  properties:\n  - id: p\n    options: [{id: x}]\n",
	    "line 5: an option without a name");
	expect_refused("node_types:\n- id: a\n  properties:\n  - id: p\n    options: [[]]\n",
	    "line 5: an option must be");
	expect_refused("node_types:\n- id: a\n  id: b\n", "line 3: the key id stands twice");
	expect_refused("node_types: [", "line ");
}
END_TEST

START_TEST(an_id_of_the_greatest_length_is_taken_and_one_more_is_not)
{
	char id[LIMIT_TYPE_BYTES + 2] = "", yaml[LIMIT_TYPE_BYTES + 64];

	memset(id, 'x', LIMIT_TYPE_BYTES);
	snprintf(yaml, sizeof(yaml), "node_types: [{id: %s}]", id);
	blueprint_free(fixture_blueprint(yaml));
	id[LIMIT_TYPE_BYTES] = 'x';
	snprintf(yaml, sizeof(yaml), "node_types: [{id: %s}]", id);
	expect_refused(yaml, "an id must be");
}
END_TEST

static void
write_file(const char *directory, const char *name, const char *text, size_t padding)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	for (size_t i = 0; i < padding; i++)
		fputc('#', file);
	fclose(file);
}

static void
remove_directory(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(
			    dirfd(dir), entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
	closedir(dir);
	ck_assert_int_eq(rmdir(directory), 0);
}

static bool
is_found(struct blueprints *b, const char *id)
{
	return blueprints_find(b, span_of(id)) != NULL;
}

START_TEST(files_are_found_by_exact_id_and_by_nothing_else)
{
	char directory[] = "/tmp/test_blueprint_XXXXXX", long_id[LIMIT_TEMPLATE_ID_BYTES + 2] = "";
	struct blueprints *b;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	write_file(directory, "small.yaml", SMALL, 0);
	write_file(directory, ".yaml", SMALL, 0);
	b = blueprints_open(directory);
	ck_assert_ptr_nonnull(b);
	ck_assert(is_found(b, "small"));
	ck_assert_str_eq(blueprints_find(b, SPAN("small"))->id, "small");
	ck_assert_ptr_eq(blueprints_find(b, SPAN("small")), blueprints_find(b, SPAN("small")));
	ck_assert(!is_found(b, ""));
	ck_assert(!is_found(b, "Small"));
	ck_assert(!is_found(b, "small.yaml"));
	ck_assert(!is_found(b, "./small"));
	ck_assert(!is_found(b, "../templates/small"));
	ck_assert(!is_found(b, "..%2fsmall"));
	ck_assert(!is_found(b, "..\\small"));
	ck_assert(!is_found(b, "/etc/passwd"));
	ck_assert(!is_found(b, "sm\xc3\xa4ll"));
	ck_assert_ptr_null(blueprints_find(b, (struct span){ "small\0", 6 }));
	ck_assert_ptr_null(blueprints_find(b, (struct span){ 0 }));
	memset(long_id, 'x', LIMIT_TEMPLATE_ID_BYTES);
	ck_assert(!is_found(b, long_id));
	/* A file that appears later is found; one that was read stays what it was. */
	{
		char name[LIMIT_TEMPLATE_ID_BYTES + 8];
		snprintf(name, sizeof(name), "%s.yaml", long_id);
		write_file(directory, name, SMALL, 0);
	}
	ck_assert(is_found(b, long_id));
	long_id[LIMIT_TEMPLATE_ID_BYTES] = 'x';
	ck_assert(!is_found(b, long_id));
	blueprints_free(b);
	remove_directory(directory);
}
END_TEST

START_TEST(links_pipes_directories_and_large_files_are_not_read)
{
	char directory[] = "/tmp/test_blueprint_XXXXXX", path[256];
	struct blueprints *b;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	write_file(directory, "small.yaml", SMALL, 0);
	write_file(directory, "full.yaml", SMALL, LIMIT_TEMPLATE_BYTES - sizeof(SMALL) + 1);
	write_file(directory, "large.yaml", SMALL, LIMIT_TEMPLATE_BYTES - sizeof(SMALL) + 2);
	snprintf(path, sizeof(path), "%s/link.yaml", directory);
	ck_assert_int_eq(symlink("small.yaml", path), 0);
	snprintf(path, sizeof(path), "%s/pipe.yaml", directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/dir.yaml", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	b = blueprints_open(directory);
	ck_assert(is_found(b, "small"));
	ck_assert(is_found(b, "full"));
	ck_assert(!is_found(b, "large"));
	ck_assert(!is_found(b, "link"));
	ck_assert(!is_found(b, "pipe"));
	ck_assert(!is_found(b, "dir"));
	blueprints_free(b);
	remove_directory(directory);
}
END_TEST

START_TEST(the_list_is_sorted_and_leaves_out_what_cannot_be_read)
{
	char directory[] = "/tmp/test_blueprint_XXXXXX", *text;
	struct json_out out = { 0 };
	struct blueprints *b;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	write_file(directory, "b.yaml", SMALL, 0);
	write_file(directory, "a.yaml", "{description: first, node_types: [{id: x}]}", 0);
	write_file(directory, "bad.yaml", "node_types: 3", 0);
	write_file(directory, "not a template.yaml", SMALL, 0);
	write_file(directory, "notes.txt", SMALL, 0);
	b = blueprints_open(directory);
	blueprints_list(b, &out);
	text = xspandup(json_out_span(&out));
	ck_assert_str_eq(text,
	    "{\"templates\":[{\"id\":\"a\",\"name\":\"a\",\"description\":\"first\"},"
	    "{\"id\":\"b\",\"name\":\"Small\",\"description\":\"\"}]}");
	free(text);
	json_out_fini(&out);
	blueprints_free(b);
	remove_directory(directory);
}
END_TEST

START_TEST(a_directory_that_is_not_there_cannot_be_opened)
{
	ck_assert_ptr_null(blueprints_open("/nonexistent"));
}
END_TEST

static void
expect_select(const struct blueprint *b, const char *type, const char *property,
    const char *const *names, bool indicators)
{
	const struct property_type *p = node_type_property(blueprint_type(b, type), property);

	ck_assert_msg(p != NULL, "%s.%s", type, property);
	ck_assert_int_eq(p->type, VALUE_SELECT);
	if (indicators)
		ck_assert_str_eq(p->indicator_set, "status");
	for (size_t i = 0; names[i]; i++) {
		ck_assert_uint_lt(i, p->n_options);
		ck_assert_str_eq(p->options[i].name, names[i]);
		ck_assert(!indicators || p->options[i].indicator_id);
	}
}

START_TEST(the_restoration_blueprint_has_what_the_contract_names)
{
	static const char *const phase[] = { "Planned", "In Progress", "Completed", NULL };
	static const char *const task[] = { "Not Started", "In Progress", "Blocked", "Done", NULL };
	static const char *const part[] = { "Need to Order", "Ordered", "Shipped", "Received",
		"Installed", NULL };
	static const char *const none[] = { NULL };
	static const char *const chain[] = { "project_root", "phase", "job", "task", "part" };
	struct blueprints *all = blueprints_open(TEMPLATES);
	const struct blueprint *b = blueprints_find(all, SPAN("restomod"));

	ck_assert_ptr_nonnull(b);
	ck_assert_str_eq(b->types[0].id, "project_root");
	for (size_t i = 0; i + 1 < sizeof(chain) / sizeof(*chain); i++) {
		const struct node_type *t = blueprint_type(b, chain[i]);
		bool allowed = false;
		for (size_t j = 0; j < t->n_allowed_children; j++)
			allowed |= strcmp(t->allowed_children[j], chain[i + 1]) == 0;
		ck_assert_msg(allowed, "%s under %s", chain[i + 1], chain[i]);
	}
	expect_select(b, "phase", "status", phase, true);
	expect_select(b, "task", "status", task, true);
	expect_select(b, "part", "status", part, true);
	expect_select(b, "job", "priority", none, false);
	ck_assert_str_eq(node_type_property(blueprint_type(b, "phase"), "status")->options[0].id,
	    "24702b82-a400-7171-0d70-6f60079fa142");
	ck_assert_ptr_nonnull(node_type_property(&b->types[0], "vin"));
	blueprints_free(all);
}
END_TEST

/* Every file of a directory is a blueprint whose allowed children exist; says how many there are.
 */
static size_t
check_directory(const char *directory, bool own)
{
	struct blueprints *all = blueprints_open(directory);
	DIR *dir = opendir(directory);
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(all);
	while ((entry = readdir(dir))) {
		size_t length = strlen(entry->d_name);
		const struct blueprint *b;
		if (length < 6 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
			continue;
		b = blueprints_find(all, (struct span){ entry->d_name, length - 5 });
		ck_assert_msg(b != NULL, "%s", entry->d_name);
		n++;
		for (size_t i = 0; own && i < b->n_types; i++)
			for (size_t j = 0; j < b->types[i].n_allowed_children; j++)
				ck_assert_msg(
				    blueprint_type(b, b->types[i].allowed_children[j]) != NULL,
				    "%s: %s", b->id, b->types[i].allowed_children[j]);
	}
	closedir(dir);
	blueprints_free(all);
	return n;
}

START_TEST(the_own_blueprints_can_be_read)
{
	ck_assert_uint_ge(check_directory(TEMPLATES, true), 3);
}
END_TEST

START_TEST(the_samples_of_the_predecessor_can_be_read)
{
	const char *samples = getenv("GRAPHD_SAMPLES");
	char path[512];

	if (!samples) {
		fprintf(stderr, "SKIPPED: GRAPHD_SAMPLES is not set\n");
		return;
	}
	snprintf(path, sizeof(path), "%s/templates", samples);
	ck_assert_uint_eq(check_directory(path, false), 4);
}
END_TEST

int
main(void)
{
	TCase *c = tcase_create("blueprint");

	tcase_add_test(c, a_blueprint_is_read_with_its_defaults);
	tcase_add_test(c, option_ids_are_the_hash_of_their_place_unless_given);
	tcase_add_test(c, types_and_properties_have_the_uuids_of_older_files);
	tcase_add_test(c, an_option_is_found_by_id_or_exact_name);
	tcase_add_test(c, the_indicator_is_that_of_the_first_known_option);
	tcase_add_test(c, the_schema_has_the_shape_of_the_contract);
	tcase_add_test(c, what_is_no_blueprint_is_refused_with_its_line);
	tcase_add_test(c, an_id_of_the_greatest_length_is_taken_and_one_more_is_not);
	tcase_add_test(c, files_are_found_by_exact_id_and_by_nothing_else);
	tcase_add_test(c, links_pipes_directories_and_large_files_are_not_read);
	tcase_add_test(c, the_list_is_sorted_and_leaves_out_what_cannot_be_read);
	tcase_add_test(c, a_directory_that_is_not_there_cannot_be_opened);
	tcase_add_test(c, the_restoration_blueprint_has_what_the_contract_names);
	tcase_add_test(c, the_own_blueprints_can_be_read);
	tcase_add_test(c, the_samples_of_the_predecessor_can_be_read);
	return run_tests(c);
}
