// A stock JavaScript client under remote control: commands come as JSON lines on standard input, what
// the sockets hear goes as JSON lines to standard output. The argument is the package to load.
import { createInterface } from "node:readline";

const { io } = await import(new URL(
	`../node_modules/${process.argv[2]}/build/esm/index.js`, import.meta.url));
const sockets = new Map();

function tell(client, what, more) {
	process.stdout.write(JSON.stringify({ client, what, ...more }) + "\n");
}

// A client that keeps its place by itself: each connect says how far it has come.
function authOf(command, place) {
	if (!command.resumes)
		return command.auth;
	return (give) => give({ ...command.auth, since: place.seq });
}

function hear(name, socket, place) {
	socket.on("connect", () => tell(name, "connect", {
		id: socket.id, recovered: socket.recovered === true,
		transport: socket.io.engine.transport.name }));
	socket.on("connect_error", (error) => tell(name, "connect_error", {
		message: error.message, data: error.data ?? null }));
	socket.on("disconnect", (reason) => tell(name, "disconnect", { reason }));
	socket.onAny((event, ...args) => {
		if (args[0]?.seq > place.seq)
			place.seq = args[0].seq;
		tell(name, "event", { event, args });
	});
	socket.io.on("open", () => hearEngine(name, socket.io.engine));
}

function hearEngine(name, engine) {
	engine.on("upgrade", () => tell(name, "upgrade", {}));
	// The client has paused polling to upgrade, and does not take it up again when the WebSocket
	// breaks off before the upgrade is done: it neither hears nor says anything until its time
	// without a ping is up.
	engine.on("upgradeError", () => {
		if (!engine.upgrading || engine.readyState !== "open")
			return;
		tell(name, "deaf", {});
		engine.once("close", () => tell(name, "closed", {}));
	});
}

// "$data" stands for what was asked, "$bytes" for bytes.
function fill(value, data) {
	if (value === "$bytes")
		return Buffer.from([0, 1, 254, 255]);
	return value === "$data" ? data : value;
}

// What a socket says to what it is asked: {event: [argument, …]}.
function answer(socket, answers) {
	for (const [event, args] of Object.entries(answers))
		socket.on(event, (data, ack) => ack(...args.map((value) => fill(value, data))));
}

const commands = {
	open(command) {
		const place = { seq: command.since ?? 0 };
		const socket = io(command.url, { forceNew: true, reconnectionDelay: 50,
			reconnectionDelayMax: 200, ...command.options, auth: authOf(command, place) });
		sockets.set(command.client, socket);
		hear(command.client, socket, place);
		answer(socket, command.answers ?? {});
	},
	emit({ client, event, args, ack }) {
		const answer = ack === undefined ? []
			: [(...heard) => tell(client, "ack", { ack, args: heard })];
		sockets.get(client).emit(event, ...args, ...answer);
	},
	close({ client }) {
		sockets.get(client)?.close();
		sockets.delete(client);
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	const command = JSON.parse(line);
	commands[command.do](command);
}
process.exit(0);
