#include "graphd/blueprint.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char SUFFIX[] = ".yaml";
enum { SUFFIX_BYTES = sizeof(SUFFIX) - 1, LISTED_MAX = 1000 };

/*
 * A file that was read, once: what becomes of it afterwards is not noticed before a restart. One
 * that cannot be read is remembered too, so that it is parsed and complained about once. An id
 * without a file is not remembered: peers may ask for any number of them, and a new file is found.
 */
struct entry {
	struct span id;
	struct blueprint *blueprint; /* NULL: cannot be read */
	char id_text[LIMIT_TEMPLATE_ID_BYTES];
};

struct blueprints {
	int directory;
	pthread_mutex_t lock; /* of entries: commands in other threads ask, too */
	struct table entries;
};

static void
property_type_fini(struct property_type *p)
{
	for (size_t i = 0; i < p->n_options; i++) {
		free(p->options[i].id);
		free(p->options[i].name);
		free(p->options[i].indicator_id);
		free(p->options[i].bullet);
	}
	free(p->options);
	free(p->id);
	free(p->label);
	free(p->type_name);
	free(p->indicator_set);
	free(p->value);
	free(p->uuid);
}

static void
node_type_fini(struct node_type *t)
{
	for (size_t i = 0; i < t->n_properties; i++)
		property_type_fini(&t->properties[i]);
	for (size_t i = 0; i < t->n_allowed_children; i++)
		free(t->allowed_children[i]);
	free(t->properties);
	free(t->allowed_children);
	free(t->id);
	free(t->label);
	free(t->icon);
	free(t->uuid);
}

void
blueprint_free(struct blueprint *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_types; i++)
		node_type_fini(&b->types[i]);
	free(b->types);
	free(b->id);
	free(b->version);
	free(b->name);
	free(b->description);
	free(b);
}

struct blueprints *
blueprints_open(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct blueprints *b;

	if (fd < 0)
		return NULL;
	b = xcalloc(1, sizeof(*b));
	b->directory = fd;
	pthread_mutex_init(&b->lock, NULL);
	table_init(&b->entries, offsetof(struct entry, id), 0);
	return b;
}

void
blueprints_free(struct blueprints *b)
{
	struct entry *e;

	if (!b)
		return;
	for (size_t i = 0; (e = table_next(&b->entries, &i));) {
		table_remove(&b->entries, &e->id);
		blueprint_free(e->blueprint);
		free(e);
	}
	table_fini(&b->entries);
	pthread_mutex_destroy(&b->lock);
	close(b->directory);
	free(b);
}

/* Nothing that means anything to a file system passes: no dot, no slash, no byte above ASCII. */
static bool
is_id(struct span id)
{
	if (id.n == 0 || id.n > LIMIT_TEMPLATE_ID_BYTES)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

/* A link in the directory could lead anywhere, so none is followed. A FIFO would hold the open up.
 */
static int
open_beneath(int directory, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, directory, name, &how, sizeof(how));

	/* Kernels before 5.6, and sandboxes that do not know the call. The name holds no slash. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	return (int)fd;
}

/* Reads it whole. False with a reason. */
static bool
read_all(int fd, char **text, size_t *n, const char **why)
{
	struct stat info;
	ssize_t got = 1;

	*n = 0;
	*why = "is no regular file";
	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return false;
	*why = "is too large";
	if (info.st_size > LIMIT_TEMPLATE_BYTES)
		return false;
	*text = xmalloc(LIMIT_TEMPLATE_BYTES + 1);
	while (got > 0 && *n <= LIMIT_TEMPLATE_BYTES) {
		got = read(fd, *text + *n, LIMIT_TEMPLATE_BYTES + 1 - *n);
		*n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		*why = strerror(errno);
	return got == 0;
}

/* A fault is told once, here; whoever asked only learns that there is no such blueprint. */
static struct blueprint *
load(int fd, struct span id)
{
	char message[256], *text = NULL;
	const char *why = message;
	struct blueprint *blueprint = NULL;
	size_t n;

	if (read_all(fd, &text, &n, &why)) {
		why = message;
		blueprint = blueprint_parse(id, (struct span){ text, n }, message);
	}
	if (!blueprint)
		log_warn("template", "%.*s%s: %s", (int)id.n, id.p, SUFFIX, why);
	free(text);
	return blueprint;
}

static struct entry *
entry_new(struct span id, struct blueprint *taken)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	memcpy(e->id_text, id.p, id.n);
	e->id = (struct span){ e->id_text, id.n };
	e->blueprint = taken;
	return e;
}

static const struct blueprint *
find_or_load(struct blueprints *b, struct span id)
{
	char name[LIMIT_TEMPLATE_ID_BYTES + sizeof(SUFFIX)];
	struct entry *e = table_find(&b->entries, &id);
	int fd;

	if (e)
		return e->blueprint;
	snprintf(name, sizeof(name), "%.*s%s", (int)id.n, id.p, SUFFIX);
	fd = open_beneath(b->directory, name);
	if (fd < 0) {
		if (errno != ENOENT)
			log_warn("template", "%s: %s", name, strerror(errno));
		return NULL;
	}
	e = entry_new(id, load(fd, id));
	close(fd);
	table_add(&b->entries, e);
	return e->blueprint;
}

const struct blueprint *
blueprints_find(struct blueprints *b, struct span id)
{
	const struct blueprint *found;

	if (!is_id(id))
		return NULL;
	pthread_mutex_lock(&b->lock);
	found = find_or_load(b, id);
	pthread_mutex_unlock(&b->lock);
	return found;
}

/* The id that a directory entry stands for; {NULL,0} when it is no blueprint. */
static struct span
id_of_name(const char *name)
{
	size_t n = strlen(name);
	struct span id = { name, n - SUFFIX_BYTES };

	if (n <= SUFFIX_BYTES || strcmp(name + id.n, SUFFIX) != 0 || !is_id(id))
		return (struct span){ 0 };
	return id;
}

/* Ids in the directory, in no order; each an owned text. */
static size_t
list_ids(int directory, char *ids[LISTED_MAX])
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	if (!dir) {
		log_warn("templates", "the directory cannot be read: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (n < LISTED_MAX && (entry = readdir(dir))) {
		struct span id = id_of_name(entry->d_name);
		if (id.p)
			ids[n++] = xspandup(id);
	}
	closedir(dir);
	return n;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads the directory anew each time, so that a file that was added shows up. */
void
blueprints_list(struct blueprints *b, struct json_out *out)
{
	char **ids = xcalloc(LISTED_MAX, sizeof(*ids));
	size_t n = list_ids(b->directory, ids);

	qsort(ids, n, sizeof(*ids), compare_ids);
	json_out_open(out, '{');
	json_out_key(out, "templates");
	json_out_open(out, '[');
	for (size_t i = 0; i < n; i++) {
		const struct blueprint *blueprint = blueprints_find(b, span_of(ids[i]));
		free(ids[i]);
		if (!blueprint)
			continue;
		json_out_open(out, '{');
		json_out_key(out, "id");
		json_out_string(out, blueprint->id);
		json_out_key(out, "name");
		json_out_string(out, blueprint->name);
		json_out_key(out, "description");
		json_out_string(out, blueprint->description);
		json_out_close(out, '}');
	}
	json_out_close(out, ']');
	json_out_close(out, '}');
	free(ids);
}
