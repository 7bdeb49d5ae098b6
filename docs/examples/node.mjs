// Joins a session, adds a node and prints what is heard: node node.mjs URL SESSION
// Needs socket.io-client 4.x: npm install socket.io-client
import { io } from "socket.io-client";

const [url, session] = process.argv.slice(2);
const socket = io(url, { auth: { session_id: session, recover: true } });

socket.on("connect_error", (error) => {
	// active: the network's fault, it tries again by itself. Else the server has said no.
	if (!socket.active) {
		console.error(error.message, error.data);
		process.exit(1);
	}
});
socket.onAny((event, data) => console.log(data.seq, event));
const executed = new Promise((heard) => socket.once("command:executed", heard));
await new Promise((connected) => socket.once("connect", connected));

const answer = await socket.timeout(5000).emitWithAck("command:execute", {
	command_type: "CreateNode", data: { blueprint_type_id: "phase", name: "From Node" } });
console.log("answer", answer.success, answer.seq);
await executed;
socket.close();
