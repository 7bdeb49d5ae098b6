#include "graphd/store_sqlite_heads.h"

#include "common/mem.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <xxhash.h>

/* The record's own fields and the checksum of the one before it, so that no record can be changed,
 * left out or exchanged without breaking the chain. */
uint64_t
sqlite_step_checksum(const struct store_step *step, uint64_t previous_checksum)
{
	uint64_t fields[6] = { htole64(previous_checksum), htole64(step->ordinal),
		htole64(step->first_seq), htole64(step->last_seq), htole64(step->time_us),
		XXH3_64bits(step->bytes.p, step->bytes.n) };
	char text[sizeof fields + UUID_BYTES];

	fields[5] = htole64(fields[5]);
	memcpy(text, fields, sizeof fields);
	memcpy(text + sizeof fields, step->session.bytes, UUID_BYTES);
	return XXH3_64bits(text, sizeof text);
}

uint64_t
sqlite_bytes_checksum(struct span bytes)
{
	return XXH3_64bits(bytes.p, bytes.n);
}

struct head *
sqlite_head_find(const struct sqlite_store *s, const struct uuid *session)
{
	return table_find(&s->heads, session);
}

struct head *
sqlite_head_of_ref(const struct sqlite_store *s, int64_t ref)
{
	return table_find(&s->by_ref, &ref);
}

struct head *
sqlite_head_add(struct sqlite_store *s, const struct uuid *session, int64_t ref)
{
	struct head *h = xcalloc(1, sizeof *h);

	h->id = h->row.id = h->pending_row.id = *session;
	h->ref = ref;
	table_add(&s->heads, h);
	table_add(&s->by_ref, h);
	if (s->last_ref < ref)
		s->last_ref = ref;
	return h;
}

struct head *
sqlite_head_get(struct sqlite_store *s, const struct uuid *session)
{
	struct head *h = sqlite_head_find(s, session);

	return h ? h : sqlite_head_add(s, session, s->last_ref + 1);
}

void
sqlite_head_forget(struct sqlite_store *s, struct head *h)
{
	table_remove(&s->heads, &h->id);
	table_remove(&s->by_ref, &h->ref);
	list_remove(&h->behind);
	free(h);
}

void
sqlite_head_is_behind(struct sqlite_store *s, struct head *h, int64_t lsn)
{
	if (link_is_in_list(&h->behind))
		return;
	h->behind_lsn = lsn;
	list_append(&s->behind, &h->behind);
}

void
sqlite_head_append(struct sqlite_store *s, struct change *change)
{
	struct head *h = sqlite_head_get(s, &change->id);
	const struct store_step *step = &change->of.step;

	change->place = (struct chain_place){ .session_ref = h->ref,
		.lsn = s->next_lsn++,
		.previous_lsn = h->pending.lsn,
		.checksum = sqlite_step_checksum(step, h->pending.checksum),
		.previous_checksum = h->pending.checksum };
	h->pending = (struct chain_end){ .lsn = change->place.lsn,
		.checksum = change->place.checksum,
		.ordinal = step->ordinal,
		.seq = step->last_seq,
		.time_us = step->time_us };
	sqlite_head_is_behind(s, h, h->pending.lsn);
}

void
sqlite_row_follow(struct store_session *row, const struct chain_end *end)
{
	if (row->seq < end->seq)
		row->seq = end->seq;
	if (row->ordinal < end->ordinal)
		row->ordinal = end->ordinal;
	if (row->active_us < end->time_us)
		row->active_us = end->time_us;
}

void
sqlite_head_put_row(struct changes *changes, struct head *h)
{
	struct change *change;

	sqlite_row_follow(&h->pending_row, &h->pending);
	change = changes_add_session(changes, &h->pending_row);
	change->place.session_ref = h->ref;
	change->place.lsn = h->pending.lsn;
	change->place.checksum = h->pending.checksum;
	list_remove(&h->behind);
	h->pending_written = true;
}

/* The session that is behind the longest, if it was when the round began. */
static struct head *
next_of_round(const struct sqlite_store *s)
{
	struct head *h = LIST_OF(s->behind.next, struct head, behind);

	return list_is_empty(&s->behind) || h->behind_lsn > s->round_lsn ? NULL : h;
}

/*
 * A round goes through all sessions that are behind when it begins, a few in each commit. They are
 * up to date when it ends, and what was appended meanwhile lies behind the lsn of its beginning:
 * until there nothing needs to be read at a start.
 */
int64_t
sqlite_heads_flush(struct sqlite_store *s, struct changes *changes, size_t most_rows)
{
	struct head *h;

	if (!s->in_round) {
		s->in_round = true;
		s->round_lsn = s->next_lsn - 1;
	}
	for (; (h = next_of_round(s)) && most_rows > 0; most_rows--)
		sqlite_head_put_row(changes, h);
	if (h)
		return 0;
	s->in_round = false;
	return s->round_lsn;
}

/* An ended session that has nothing under way any more. What is under way for one that was
 * forgotten is its row once more. */
static void
forget_ended(struct sqlite_store *s, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->list[i];
		struct head *h;

		if (change->kind != CHANGE_SESSION || !change->of.session.closed)
			continue;
		h = sqlite_head_of_ref(s, change->place.session_ref);
		if (h && !link_is_in_list(&h->behind) && h->pending.lsn == h->committed.lsn)
			sqlite_head_forget(s, h);
	}
}

void
sqlite_heads_committed(struct sqlite_store *s, const struct work *w)
{
	for (size_t i = 0; i < w->commit->changes.n; i++) {
		const struct change *change = &w->commit->changes.list[i];
		struct head *h;

		if (change->kind != CHANGE_STEP && change->kind != CHANGE_SESSION)
			continue;
		h = sqlite_head_of_ref(s, change->place.session_ref);
		if (change->kind == CHANGE_SESSION) {
			if (h) {
				h->row = change->of.session;
				h->written = true;
			}
			continue;
		}
		assert(h);
		h->committed = (struct chain_end){ .lsn = change->place.lsn,
			.checksum = change->place.checksum,
			.ordinal = change->of.step.ordinal,
			.seq = change->of.step.last_seq,
			.time_us = change->of.step.time_us };
		sqlite_row_follow(&h->row, &h->committed);
		s->committed_lsn = change->place.lsn;
	}
	forget_ended(s, &w->commit->changes);
	if (w->scanned_lsn > s->scanned_lsn)
		s->scanned_lsn = w->scanned_lsn;
}

void
sqlite_heads_redirty(struct sqlite_store *s)
{
	struct head *h;

	s->in_round = false;
	for (size_t i = 0; (h = table_next(&s->heads, &i));) {
		list_remove(&h->behind);
		if (h->pending.lsn > s->scanned_lsn)
			sqlite_head_is_behind(s, h, s->scanned_lsn + 1);
	}
}

void
sqlite_heads_revert(struct sqlite_store *s)
{
	struct head *h;

	for (size_t i = 0; (h = table_next(&s->heads, &i));) {
		h->pending = h->committed;
		h->pending_row = h->row;
		h->pending_written = h->written;
		/* Nothing of it ever came to disk. Its number stays unused until the next start. */
		if (!h->written && !h->committed.lsn)
			sqlite_head_forget(s, h);
	}
	s->next_lsn = s->committed_lsn + 1;
	sqlite_heads_redirty(s);
}

void
sqlite_heads_fini(struct sqlite_store *s)
{
	struct head *h;

	for (size_t i = 0; (h = table_next(&s->heads, &i));)
		free(h);
	table_fini(&s->heads);
	table_fini(&s->by_ref);
}
