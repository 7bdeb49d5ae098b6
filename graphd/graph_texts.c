#include "graphd/graph_texts.h"

#include "common/list.h"
#include "common/mem.h"
#include "graphd/node.h"

#include <assert.h>
#include <stdlib.h>

/* What an allocation costs beyond what it holds, about. */
enum { ALLOCATION_BYTES = 16 };

struct texts {
	struct link by_use; /* struct graph_texts, last written last */
	size_t bytes, limit_bytes;
};

/* One graph's share. */
struct graph_texts {
	struct link by_use;
	struct texts *all; /* NULL: set aside */
	struct graph *graph;
	size_t bytes;
	const void *made_with;
};

struct texts *
texts_new(size_t limit_bytes)
{
	struct texts *all = xcalloc(1, sizeof(*all));

	list_init(&all->by_use);
	all->limit_bytes = limit_bytes;
	return all;
}

void
texts_free(struct texts *all)
{
	assert(!all || list_is_empty(&all->by_use));
	free(all);
}

size_t
texts_bytes(const struct texts *all)
{
	return all->bytes;
}

static void
count(struct graph_texts *texts, size_t more_bytes, size_t less_bytes)
{
	texts->bytes += more_bytes - less_bytes;
	if (texts->all)
		texts->all->bytes += more_bytes - less_bytes;
}

static size_t
size_of(const struct node_text *text)
{
	return ALLOCATION_BYTES + sizeof(*text) + text->head_n + text->tail_n;
}

static void
drop_all(struct graph_texts *texts)
{
	struct table *nodes = &texts->graph->nodes;
	struct node *n;

	for (size_t i = 0; texts->bytes > 0 && i < nodes->capacity; i++)
		if ((n = nodes->slots[i]))
			node_text_drop(texts->graph, n);
}

void
graph_texts_join(struct graph *g, struct texts *all)
{
	assert(!g->texts);
	g->texts = xcalloc(1, sizeof(*g->texts));
	g->texts->all = all;
	g->texts->graph = g;
	list_append(&all->by_use, &g->texts->by_use);
}

void
graph_texts_leave(struct graph *g)
{
	if (!g->texts)
		return;
	drop_all(g->texts);
	list_remove(&g->texts->by_use);
	free(g->texts);
	g->texts = NULL;
}

void
graph_texts_set_aside(struct graph *g)
{
	struct graph_texts *texts = g->texts;

	if (!texts)
		return;
	texts->all->bytes -= texts->bytes;
	list_remove(&texts->by_use);
	texts->all = NULL;
}

/* They may be more by now than there is room for; whoever needs room next makes it. */
void
graph_texts_rejoin(struct graph *g, struct texts *all)
{
	struct graph_texts *texts = g->texts;

	if (!texts)
		return;
	texts->all = all;
	all->bytes += texts->bytes;
	list_append(&all->by_use, &texts->by_use);
}

bool
graph_texts_begin(const struct graph *g, const void *made_with)
{
	struct graph_texts *texts = g->texts;

	if (!texts || !texts->all)
		return false;
	if (texts->made_with != made_with)
		drop_all(texts);
	texts->made_with = made_with;
	list_remove(&texts->by_use);
	list_append(&texts->all->by_use, &texts->by_use);
	return true;
}

const struct node_text *
node_text(const struct node *n)
{
	return n->text;
}

static bool
make_room(struct graph_texts *texts, size_t n_bytes)
{
	struct texts *all = texts->all;

	while (all->bytes + n_bytes > all->limit_bytes) {
		struct graph_texts *oldest = LIST_OF(all->by_use.next, struct graph_texts, by_use);
		if (oldest == texts)
			return false;
		drop_all(oldest);
		/* It has nothing left to give, so it goes to the end of the line. */
		list_remove(&oldest->by_use);
		list_append(&all->by_use, &oldest->by_use);
	}
	return true;
}

void
node_text_keep(const struct graph *g, const struct node *n, struct span head, struct span tail)
{
	struct node_text wanted = { (uint32_t)head.n, (uint32_t)tail.n }, *text;

	assert(!n->text && head.n <= UINT32_MAX && tail.n <= UINT32_MAX);
	if (!make_room(g->texts, size_of(&wanted)))
		return;
	text = xmalloc(sizeof(*text) + head.n + tail.n);
	*text = wanted;
	memcpy(text->bytes, head.p, head.n);
	memcpy(text->bytes + head.n, tail.p, tail.n);
	((struct node *)n)->text = text;
	count(g->texts, size_of(text), 0);
}

void
node_text_drop(struct graph *g, struct node *n)
{
	if (!n->text)
		return;
	count(g->texts, 0, size_of(n->text));
	free(n->text);
	n->text = NULL;
}
