// Socket.IO on Node in its simplest fast form: a POST to / goes to the room named in it, as the event
// that this project sends. Nothing is stored. Usage: node socketio.mjs PORT
import http from 'node:http';
import { Server } from 'socket.io';
import { eventOf, readJson } from './post.mjs';

const server = http.createServer(async (request, response) => {
	const command = await readJson(request);
	io.of('/graph').to(command.session_id).emit('graph:property-changed', eventOf(command));
	response.setHeader('content-type', 'application/json');
	response.end('{"success":true}');
});
const io = new Server(server, { perMessageDeflate: false });

io.of('/graph').on('connection', (socket) => socket.join(socket.handshake.auth.session_id));
server.listen(Number(process.argv[2]), '127.0.0.1');
