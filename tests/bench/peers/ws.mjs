// The ws package with rooms by path and the frame made once for all members: what one would write by
// hand on Node. Nothing is stored. Usage: node ws.mjs PORT
import http from 'node:http';
import { WebSocketServer } from 'ws';
import { eventOf, readJson } from './post.mjs';

const rooms = new Map();
const server = http.createServer(async (request, response) => {
	const command = await readJson(request);
	const text = Buffer.from(JSON.stringify(['graph:property-changed', eventOf(command)]));
	for (const client of rooms.get(command.session_id) ?? []) {
		client.send(text, { binary: false });
	}
	response.setHeader('content-type', 'application/json');
	response.end('{"success":true}');
});

new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (client, request) => {
	const name = request.url.slice(1);
	if (!rooms.has(name)) {
		rooms.set(name, new Set());
	}
	rooms.get(name).add(client);
	client.on('close', () => rooms.get(name).delete(client));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
