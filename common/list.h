#pragma once
/* Doubly linked lists threaded through their members. A zeroed link is in no list. */

#include "common/owner.h"

#include <stdbool.h>

struct link {
	struct link *prev, *next;
};

#define LIST_OF(link_ptr, type, member) OWNER_OF(link_ptr, type, member)
#define LIST_EACH(at, list) for (struct link *at = (list)->next; at != (list); at = at->next)

static inline void
list_init(struct link *list)
{
	list->prev = list->next = list;
}

static inline bool
list_is_empty(const struct link *list)
{
	return list->next == list;
}

static inline bool
link_is_in_list(const struct link *l)
{
	return l->next != NULL;
}

static inline void
list_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

/* Nothing happens when it is in no list. */
static inline void
list_remove(struct link *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

/* The first link, taken out; NULL when empty. */
static inline struct link *
list_take(struct link *list)
{
	struct link *l = list->next;

	if (l == list)
		return NULL;
	list_remove(l);
	return l;
}
