#include "graphd/session.h"

#include "common/limits.h"
#include "common/mem.h"
#include "common/table.h"
#include "graphd/old_keys.h"
#include "graphd/rollback.h"

#include <stdlib.h>

static struct key_entry *
entry_of(struct link *age)
{
	return LIST_OF(age, struct key_entry, age);
}

void
key_entries_free(struct link *by_age)
{
	struct link *l;

	while ((l = list_take(by_age)))
		free(entry_of(l));
}

const struct key_entry *
session_key_find(const struct session *s, struct span key)
{
	return s->keys ? table_find(s->keys, &key) : NULL;
}

static struct key_entry *
key_entry_new(struct span key, struct span reply)
{
	struct key_entry *entry = xcalloc(1, sizeof(*entry) + key.n + reply.n);
	char *bytes = (char *)(entry + 1);

	memcpy(bytes, key.p, key.n);
	if (reply.n)
		memcpy(bytes + key.n, reply.p, reply.n);
	entry->key = (struct span){ bytes, key.n };
	entry->reply = (struct span){ bytes + key.n, reply.n };
	return entry;
}

/* Into the table, and by age in front of that link (the list itself: as the newest). */
static void
keep(struct session *s, struct key_entry *entry, struct link *before)
{
	table_add(s->keys, entry);
	list_append(before, &entry->age);
	s->keys_bytes += entry->key.n + entry->reply.n;
}

static void
let_go(struct session *s, struct key_entry *entry)
{
	table_remove(s->keys, &entry->key);
	list_remove(&entry->age);
	s->keys_bytes -= entry->key.n + entry->reply.n;
}

/* Forgets an answer; it is kept with the newest step until that is durable. */
static void
displace(struct session *s, struct key_entry *entry)
{
	let_go(s, entry);
	if (list_is_empty(&s->rollbacks))
		free(entry);
	else
		list_append(&LIST_OF(s->rollbacks.prev, struct rollback, link)->keys, &entry->age);
}

/* For one more of so many bytes. */
static void
make_room(struct session *s, size_t n_bytes)
{
	while (s->keys->n >= LIMIT_KEYS ||
	    (s->keys->n > 0 && s->keys_bytes + n_bytes > LIMIT_KEYS_BYTES)) {
		struct key_entry *oldest = entry_of(s->keys_by_age.next);

		if (oldest->has_step)
			old_keys_add(&s->old_keys, oldest->key, oldest->ordinal);
		displace(s, oldest);
	}
}

const struct key_entry *
session_key_displaced(const struct session *s, struct span key)
{
	LIST_EACH(l, &s->rollbacks)
	{
		LIST_EACH(age, &LIST_OF(l, struct rollback, link)->keys)
		{
			if (span_equal(entry_of(age)->key, key))
				return entry_of(age);
		}
	}
	return NULL;
}

void
session_key_add(struct session *s, struct span key, uint64_t request_hash, enum error error,
    uint64_t ordinal, struct span reply)
{
	struct key_entry *entry, *old;

	if (!s->keys) {
		s->keys = xmalloc(sizeof(*s->keys));
		table_init(s->keys, offsetof(struct key_entry, key), 0);
	}
	old = table_find(s->keys, &key);
	if (old)
		displace(s, old);
	make_room(s, key.n + reply.n);
	entry = key_entry_new(key, reply);
	entry->request_hash = request_hash;
	entry->error = error;
	entry->has_step = ordinal != 0;
	entry->ordinal = ordinal ? ordinal : s->ordinal;
	keep(s, entry, &s->keys_by_age);
}

/*
 * What was remembered since goes, refusals too, for they may rest on what is taken back; what it
 * displaced comes back as the oldest, which it was unless it stood under the same key.
 */
void
session_keys_revert(struct session *s, struct rollback *rb)
{
	old_keys_take_back(s->old_keys, rb->ordinal);
	while (!list_is_empty(&s->keys_by_age)) {
		struct key_entry *newest = entry_of(s->keys_by_age.prev);
		if (newest->ordinal < rb->ordinal)
			break;
		let_go(s, newest);
		free(newest);
	}
	while (!list_is_empty(&rb->keys)) {
		struct link *age = rb->keys.prev;
		list_remove(age);
		keep(s, entry_of(age), s->keys_by_age.next);
	}
}

void
session_unstored_take(struct session *s, struct link *answers)
{
	struct link *next;

	for (struct link *l = s->keys_by_age.next; l != &s->keys_by_age; l = next) {
		struct key_entry *entry = entry_of(l);

		next = l->next;
		if (entry->has_step)
			continue;
		let_go(s, entry);
		list_append(answers, l);
	}
}

void
session_unstored_give(struct session *s, struct link *answers)
{
	struct link *l;

	while ((l = list_take(answers))) {
		struct key_entry *entry = entry_of(l);

		session_key_add(s, entry->key, entry->request_hash, entry->error, 0, entry->reply);
		free(entry);
	}
}
