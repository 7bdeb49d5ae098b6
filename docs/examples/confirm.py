#!/usr/bin/python3
"""Answers what it is asked, asks whoever is in the session, and prints what each said: confirm.py URL SESSION

Needs python-socketio (Debian: python3-socketio). Whoever asks needs HTTP alone.
"""
import json
import sys
import urllib.request

import socketio

url, session = sys.argv[1:]
client = socketio.Client()


# The handler's return value is the answer. In JavaScript: socket.on("confirm", (data, ack) => ack(…)).
@client.on("confirm")
def confirm(data):
    print(f"asked: {data['text']}", flush=True)
    return {"sure": True}


client.connect(url, auth={"session_id": session, "actor": "confirm.py"}, wait_timeout=10)

question = {"event": "confirm", "data": {"text": "Delete the phase?"}, "timeout_ms": 2000}
request = urllib.request.Request(f"{url}/api/v1/sessions/{session}/ask", json.dumps(question).encode())
with urllib.request.urlopen(request) as reply:
    for answer in json.load(reply)["answers"]:
        said = answer["data"] if "data" in answer else "nothing"
        print(f"{answer['actor'] or answer['client_id']} said {said}", flush=True)
client.disconnect()
