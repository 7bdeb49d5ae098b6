#!/usr/bin/python3
"""Joins a session over a plain WebSocket, adds a node, prints what is heard: websocket_client.py URL SESSION

Needs websocket-client (Debian: python3-websocket). Any WebSocket library will do.
"""
import json
import sys

import websocket

url, session = sys.argv[1:]
address = f"{url.replace('http', 'ws', 1)}/ws?session_id={session}"
ws = websocket.create_connection(address, subprotocols=["graph.v1"])
joined = json.loads(ws.recv())
print(joined["seq"], joined["event"])

ws.send(json.dumps({"id": 1, "do": "execute", "command_type": "CreateNode",
                    "data": {"blueprint_type_id": "phase", "name": "From a WebSocket"}}))
answered = executed = False
while not (answered and executed):
    message = json.loads(ws.recv())
    if message.get("id") == 1:
        answered = True
        print("answer", message.get("ok", message.get("error")))
    else:
        executed = executed or message["event"] == "command:executed"
        print(message["seq"], message["event"])
ws.close()
