/* What a WebSocket writes: queued during a turn, sent when it ends, or when the next ones do. */

#include "gatewayd/ws_inner.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/owner.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { FINAL_FRAME = 0x80 };

struct shared_bytes *
ws_control_frame(unsigned opcode, struct span payload)
{
	char head[2] = { (char)(FINAL_FRAME | opcode), (char)payload.n };
	const struct span pieces[] = { { head, sizeof head }, payload };

	return shared_bytes_join(SHARED_PLAIN, pieces, 2);
}

static void
mark_dirty(struct ws *w)
{
	struct ws_server *s = w->server;

	if (w->is_dirty)
		return;
	w->is_dirty = true;
	w->next_dirty = NULL;
	*s->dirty_end = w;
	s->dirty_end = &w->next_dirty;
}

static struct ws *
take_dirty(struct ws_server *s)
{
	struct ws *w = s->dirty;

	if (!w)
		return NULL;
	w->is_dirty = false;
	s->dirty = w->next_dirty;
	if (!s->dirty)
		s->dirty_end = &s->dirty;
	return w;
}

void
ws_touch(struct ws *w)
{
	mark_dirty(w);
	loop_again(w->server->loop);
}

void
ws_queue(struct ws *w, struct shared_bytes *bytes)
{
	outbox_add(&w->out, bytes);
	/* A full socket is written to when it says so. */
	if (!w->is_full)
		mark_dirty(w);
}

void
ws_queue_control(struct ws *w, unsigned opcode, struct span payload)
{
	struct shared_bytes *frame = ws_control_frame(opcode, payload);

	ws_queue(w, frame);
	shared_bytes_unref(frame);
}

/* What follows from a write, before which so many bytes were owed. */
static void
written(struct ws *w, size_t before, enum outbox_verdict verdict)
{
	if (verdict == OUTBOX_BROKEN) {
		ws_broke_off(w);
		return;
	}
	w->is_full = verdict == OUTBOX_WAITING;
	if (verdict == OUTBOX_EMPTY)
		w->unsent_pongs = 0;
	if (verdict == OUTBOX_EMPTY && w->state == WS_LINGERING && !w->is_shut) {
		w->is_shut = true;
		shutdown(w->io.fd, SHUT_WR);
	}
	if (before > outbox_bytes(&w->out) && w->state == WS_OPEN && w->server->settings.progress)
		w->server->settings.progress(w);
	ws_watch(w);
}

void
ws_write(struct ws *w)
{
	size_t before = outbox_bytes(&w->out);

	if (w->state != WS_DEAD)
		written(w, before, outbox_write(&w->out, w->io.fd));
}

void
ws_pong(struct ws *w, struct span payload)
{
	if (w->state != WS_OPEN)
		return;
	/* Only of a peer that pings and does not read can so many be owed. */
	if (w->unsent_pongs >= WS_PONGS && !w->is_full)
		ws_write(w);
	if (w->unsent_pongs >= WS_PONGS) {
		ws_fail(w, WS_CODE_POLICY, "too many pings", WS_BROKEN);
		return;
	}
	w->unsent_pongs++;
	ws_queue_control(w, WS_OP_PONG, payload);
}

static void
bury(struct ws *w)
{
	outbox_fini(&w->out);
	ws_in_free(w->in);
	w->server->n--;
	free(w);
}

/* Takes from the queue those that have something to write, until one comes up again. Dying makes a
 * connection dirty once more: it is buried when it comes up. */
static size_t
take_writers(struct ws_server *s, struct ws *writers[BURST_SENDS])
{
	size_t n = 0;

	while (s->dirty && !s->dirty->is_leaving && n < BURST_SENDS) {
		struct ws *w = take_dirty(s);

		if (w->state == WS_DEAD) {
			bury(w);
			continue;
		}
		ws_in_feed_kept(w);
		if (w->state == WS_DEAD)
			continue;
		w->is_leaving = true;
		writers[n++] = w;
	}
	return n;
}

/* One system call for all who owe one piece, which is what members of a room do. */
static void
write_together(struct ws_server *s, struct ws *const writers[], size_t n)
{
	struct burst_send sends[BURST_SENDS];
	size_t n_sends = 0;

	for (size_t i = 0; i < n; i++) {
		struct ws *w = writers[i];
		struct span piece;

		w->is_leaving = false;
		if (outbox_piece(&w->out, &piece))
			sends[n_sends++] =
			    (struct burst_send){ .fd = w->io.fd, .bytes = piece, .owner = w };
		else
			ws_write(w);
	}
	burst_send(s->burst, sends, n_sends);
	for (size_t i = 0; i < n_sends; i++) {
		struct ws *w = sends[i].owner;
		size_t before = outbox_bytes(&w->out);

		written(w, before, outbox_sent(&w->out, w->io.fd, sends[i].bytes, sends[i].result));
	}
}

/*
 * A room of a thousand takes milliseconds to write to. Until when this turn may: half as long as it
 * has read and thought, so that much coming in cannot keep what goes out waiting for more than
 * twice its own time. What comes in meanwhile is taken up in between, and graphd has it while the
 * rest is written; events of it that find a member still waiting go out with what it waits for.
 */
static uint64_t
writes_until(const struct ws_server *s)
{
	uint64_t now_us = clock_now_us();
	uint64_t share_us = (now_us - loop_turn_us(s->loop)) / 2;

	return now_us + (share_us > LIMIT_TURN_WRITE_US ? share_us : LIMIT_TURN_WRITE_US);
}

static void
on_turn_end(struct loop_hook *hook)
{
	struct ws_server *s = OWNER_OF(hook, struct ws_server, turn_end);
	struct ws *writers[BURST_SENDS];
	uint64_t until_us;

	if (!s->dirty)
		return;
	until_us = writes_until(s);
	do
		write_together(s, writers, take_writers(s, writers));
	while (s->dirty && clock_now_us() < until_us);
	if (s->dirty)
		loop_again(s->loop);
}

void
ws_out_start(struct ws_server *s)
{
	s->dirty_end = &s->dirty;
	s->burst = burst_new(BURST_BEST);
	s->turn_end.run = on_turn_end;
	loop_at_turn_end(s->loop, &s->turn_end);
}

void
ws_out_stop(struct ws_server *s)
{
	struct ws *w;

	while ((w = take_dirty(s)))
		bury(w);
	burst_free(s->burst);
}
