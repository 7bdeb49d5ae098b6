#pragma once
/*
 * Every bound of the system, in one place. Units are in the names. What an operator may change is
 * marked with the option that changes it; the value here is its default.
 */

enum {
	/* HTTP (gatewayd) */
	LIMIT_REQUEST_LINE_BYTES = 4 * 1024,
	LIMIT_HEADERS_BYTES = 16 * 1024,
	LIMIT_ORIGIN_BYTES = 1024, /* a longer one may do nothing; answers repeat it */
	LIMIT_HEADERS = 64,
	LIMIT_HEAD_MS = 5000, /* from the start of the connection or the end of the last answer */
	LIMIT_BODY_MS = 20000,
	LIMIT_BODY_BYTES_PER_S = 32 * 1024,   /* so many that have come give it a second more */
	LIMIT_ANSWER_MS = 20000,	      /* for the peer to take a long answer */
	LIMIT_ANSWER_BYTES_PER_S = 32 * 1024, /* so many that it has taken give it a second more */
	LIMIT_HELD_BYTES =
	    1024 * 1024 * 1024, /* bodies and long answers of a gateway; one there may always be */
	LIMIT_KEEPALIVE_MS = 60000,
	LIMIT_REQUESTS_PER_CONNECTION = 1000, /* then the answer says close */
	LIMIT_WATCH_MS = 250,	/* a request held for longer is watched for the peer's leaving */
	LIMIT_LINGER_MS = 1000, /* reading on after an answer that came before the body's end */
	LIMIT_BODY_BYTES = 1024 * 1024,
	LIMIT_IMPORT_BYTES = 16 * 1024 * 1024, /* load-graph and import */
	LIMIT_CONNECTIONS = 20000,	       /* --max-connections */
	LIMIT_WEBSOCKETS = 16000,	       /* --max-websockets */
	LIMIT_IN_FLIGHT = 4096,		       /* requests to graphd from one gateway */
	LIMIT_ASKS_IN_FLIGHT = 1024,  /* of these; they wait for people, others shall not */
	LIMIT_DEADLINE_MS = 5000,     /* --deadline-ms: answer of graphd */
	LIMIT_EVENTS_WAIT_MS = 30000, /* long poll on /events */
	LIMIT_EVENTS_PAGE = 10000,    /* events in one answer */
	LIMIT_GATHER_US = 8000,	      /* an event waits for others to a big room */

	/* JSON */
	LIMIT_JSON_DEPTH = 32,
	LIMIT_JSON_VALUES = 100000,
	LIMIT_JSON_IMPORT_VALUES = 5000000,
	LIMIT_JSON_TEXT_BYTES = 256 * 1024,
	LIMIT_JSON_KEY_BYTES = 256,

	/* graph */
	LIMIT_NODES = 1000000,
	LIMIT_DEPTH = 256,
	/* a graph of nested nodes, two levels for each of its tree, with a value in the deepest */
	LIMIT_JSON_IMPORT_DEPTH = 2 * (LIMIT_DEPTH + 4) + LIMIT_JSON_DEPTH,
	LIMIT_PROPERTIES = 256, /* of one node */
	LIMIT_VALUE_BYTES = 256 * 1024,
	LIMIT_NAME_BYTES = 1024,
	LIMIT_TYPE_BYTES = 128,
	LIMIT_BATCH_COMMANDS = 1000,
	LIMIT_UNDO_DEPTH = 1000,	     /* per session */
	LIMIT_UNDO_BYTES = 64 * 1024 * 1024, /* per session, undo and redo; the newest stays */
	/* idempotency keys remembered per session, and of commands that name none */
	LIMIT_KEYS = 10000,
	LIMIT_KEYS_BYTES = 32 * 1024 * 1024, /* of them and their answers; the newest stays */
	LIMIT_OLD_KEYS = 1 << 20, /* of a session, whose answers are read back; a power of two */
	LIMIT_KEY_BYTES = 255,	  /* one idempotency key */
	LIMIT_ACTOR_BYTES = 128,
	LIMIT_SESSIONS = 100000,
	LIMIT_CLIENTS_PER_SESSION = 10000,
	LIMIT_SEARCH_RESULTS = 1000,
	LIMIT_EVENT_GRAPH_BYTES = 64 * 1024, /* project:loaded leaves a bigger graph out */
	LIMIT_CHILDREN_SHOWN = 1000,	     /* node-updated lists no more */
	LIMIT_WARNINGS_BYTES = 256 * 1024,   /* in one reply; then one says that there are more */
	LIMIT_LONG_STEPS_BYTES =
	    256 * 1024 * 1024,	    /* of steps whose events somebody reads page by page */
	LIMIT_LONG_STEP_MS = 10000, /* between two of the pages; then the step is read again */
	LIMIT_PATH_NODES = 512,	    /* above it an event has no path and concerns everybody */
	LIMIT_TEMPLATE_BYTES = 1024 * 1024,
	LIMIT_TEMPLATE_ID_BYTES = 64,

	/* the disk */
	LIMIT_BALLAST_BYTES = 16 * 1024 * 1024,	     /* to be removed when it is full */
	LIMIT_BALLAST_ROOM_BYTES = 64 * 1024 * 1024, /* with less free, none is made */

	/* the wire between processes */
	LIMIT_FRAME_BYTES = 1024 * 1024, /* ZMQ_MAXMSGSIZE; longer bodies travel in parts */
	LIMIT_EVENT_BYTES =
	    960 * 1024, /* a longer one is not published but read from the journal */
	LIMIT_STEP_EVENTS =
	    4096, /* published of one step; those of a longer one are read there too */
	LIMIT_PART_BYTES = 512 * 1024,
	LIMIT_ENVELOPE_FRAMES = 8,
	LIMIT_ENVELOPE_BYTES = 1024,
	LIMIT_BUS_QUEUE =
	    10000, /* messages: SNDHWM and RCVHWM; a quarter of it where they are packed */
	LIMIT_PACK_BYTES = 16 * 1024, /* events in one message; a longer event goes by itself */
	LIMIT_ROW_BYTES = 32 * 1024,  /* requests or answers in one message; longer ones go alone */
	LIMIT_ROW_REQUESTS = 32,      /* sent before the turn is over */
	LIMIT_REQUEST_ID_BYTES = 128,
	LIMIT_WAITING_REQUESTS =
	    4096,	       /* held back behind a big answer or a commit; OVERLOADED beyond */
	LIMIT_ERRANDS = 1024,  /* of a kind, under way or waiting; OVERLOADED beyond */
	LIMIT_TOPICS = 400000, /* subscribed ones that are kept; beyond, all count as heard */
	LIMIT_BUS_HANDSHAKE_MS = 2000,
	LIMIT_BUS_LINGER_MS = 1000, /* for what is still to be sent when a process ends */
	LIMIT_BUS_HEARTBEAT_MS = 1000,
	LIMIT_BUS_SILENCE_MS = 3000, /* a peer unheard for so long is gone */
	LIMIT_LEASE_MS = 2750,	   /* a gateway unheard for so long loses its clients: within 3 s */
	LIMIT_ADDRESS_BYTES = 80,  /* of a gateway: ADDR:PORT */
	LIMIT_BEACON_MS = 1000,	   /* seq of recently active sessions on the bus */
	LIMIT_TURN_REQUESTS = 256, /* taken in one turn, hence steps in one commit */
	LIMIT_TURN_EVENTS = 1024,  /* taken in one turn of a gateway */
	LIMIT_TEXTS_BYTES = 64 * 1024 * 1024, /* of nodes, kept for the next answer */
	LIMIT_SLICE_BYTES = 128 * 1024,	      /* of a big answer, written between other requests */

	/* live connections */
	LIMIT_MESSAGE_BYTES =
	    1000000, /* WebSocket message in, polling POST: Engine.IO maxPayload */
	LIMIT_TURN_READ_BYTES = 16 * 1024, /* per connection and turn */
	LIMIT_TURN_WRITE_US = 128, /* to WebSockets, unless the rest of the turn took twice that */
	LIMIT_QUEUE_BYTES = 1024 * 1024,      /* owed to one client before it counts as behind */
	LIMIT_SEND_BUFFER_BYTES = 256 * 1024, /* the kernel's share of it, which it doubles */
	LIMIT_STALLED_MS = 10000,	      /* without progress: closed with 1013 */
	LIMIT_CLOSE_MS = 2000,		      /* for the close handshake */
	LIMIT_PING_MS = 25000,
	LIMIT_PONG_MS = 20000,
	LIMIT_UPGRADE_MS = 10000,
	/* between gateways: requests of a session that lives on another one */
	LIMIT_RELAY_CONNECT_MS = 2000, /* to find the other gateway, and until it is connected */
	LIMIT_RELAY_HEAD_BYTES = 8 * 1024, /* of its answer */
	/* an answer holds at least one packet, and a new node stands in it twice */
	LIMIT_RELAY_ANSWER_BYTES = 2 * LIMIT_PROPERTIES * LIMIT_VALUE_BYTES + 2 * 1024 * 1024,
	LIMIT_RELAY_SLACK_MS = 5000, /* beyond the longest time a poll may be held there */
	LIMIT_CONNECT_MS = 45000,    /* Socket.IO: a namespace must be joined */
	LIMIT_POLL_PACKETS = 16,     /* in one poll answer: what python-engineio takes */
	LIMIT_ATTACHMENTS = 10,	     /* of one Socket.IO packet: what current stock parsers take */
	LIMIT_SESSIONS_PER_CLIENT = 64,
	LIMIT_ASKS_PER_CLIENT = 1024,	/* questions to graphd one live client may wait for */
	LIMIT_SSE_KEEPALIVE_MS = 15000, /* a comment line, so that proxies do not give up */
	LIMIT_SSE_RETRY_MS = 1000,	/* what a browser waits before it connects again */
	LIMIT_GRACE_MS = 5000, /* --grace-ms: a client whose connection broke off may be away */
	LIMIT_CONNECTIONS_PER_CLIENT = 8, /* counted at a time; then the oldest is not */
	LIMIT_PRESENCE_BYTES = 4096,
	LIMIT_PRESENCE_PER_S = 20, /* per client; coalesced above */
	LIMIT_PRESENCE_TTL_MS = 60000,

	/* asking clients */
	LIMIT_ASK_MS = 5000,	      /* for their answers, unless the asker says otherwise */
	LIMIT_ASK_LONGEST_MS = 30000, /* what it may say */
	LIMIT_ASK_LATE_MS = 80,	      /* beyond it the gateway answers that graphd does not */
	LIMIT_ASK_EVENT_BYTES = 128,
	LIMIT_ASK_BYTES = 64 * 1024,		     /* data of one question */
	LIMIT_ANSWER_BYTES = 64 * 1024,		     /* of one client */
	LIMIT_ANSWERS_BYTES = 8 * 1024 * 1024,	     /* of all, to one question */
	LIMIT_ANSWERS_HELD_BYTES = 64 * 1024 * 1024, /* to all questions under way */
	LIMIT_ANSWERS_MESSAGE_BYTES =
	    64 * 1024, /* from a gateway: sent when so many have gathered */
	LIMIT_ASKS_PER_SESSION = 16,
	LIMIT_ASKED = 100000, /* clients, by all questions under way */
};
