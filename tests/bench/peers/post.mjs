// What the two programs on Node have in common: reading a command, and the event it becomes.
export async function readJson(request) {
	let body = '';
	for await (const part of request) {
		body += part;
	}
	return JSON.parse(body);
}

export function eventOf(command) {
	return {
		session_id: command.session_id,
		node_id: command.data.node_id,
		property_id: command.data.property_id,
		old_value: null,
		new_value: command.data.value,
		timestamp: new Date().toISOString(),
	};
}
