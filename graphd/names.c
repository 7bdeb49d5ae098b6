#include "graphd/names.h"

#include "common/mem.h"

#include <assert.h>
#include <stdlib.h>

struct name {
	struct span key; /* text, for the table */
	size_t users;
	char text[];
};

void
names_init(struct names *names)
{
	table_init(&names->table, offsetof(struct name, key), 0);
}

void
names_fini(struct names *names)
{
	struct name *name;

	for (size_t i = 0; (name = table_next(&names->table, &i));)
		free(name);
	table_fini(&names->table);
}

static struct name *
name_new(struct span text)
{
	struct name *name = xmalloc(sizeof(*name) + text.n + 1);

	memcpy(name->text, text.p, text.n + 1);
	name->key = (struct span){ name->text, text.n };
	name->users = 0;
	return name;
}

char *
names_take(struct names *names, const char *text)
{
	struct span key = span_of(text);
	struct name *name = table_find(&names->table, &key);

	if (!name) {
		name = name_new(key);
		table_add(&names->table, name);
	}
	name->users++;
	return name->text;
}

void
names_drop(struct names *names, char *text)
{
	struct name *name = (struct name *)(void *)(text - offsetof(struct name, text));

	assert(name->users > 0);
	if (--name->users > 0)
		return;
	table_remove(&names->table, &name->key);
	free(name);
}
