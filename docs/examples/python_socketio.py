#!/usr/bin/python3
"""Joins a session, adds a node and prints what is heard: python_socketio.py URL SESSION

Needs python-socketio (Debian: python3-socketio). It hands each event to a thread of its own, so
events may be printed out of order: their seq says what the order was.
"""
import sys
import threading

import socketio

url, session = sys.argv[1:]
client = socketio.Client()
heard = threading.Semaphore(0)


@client.on("graph:node-created")
def created(data):
    print(f"{data['seq']} graph:node-created {data['name']}", flush=True)
    heard.release()


@client.on("command:executed")
def executed(data):
    print(f"{data['seq']} command:executed {data['command_type']}", flush=True)
    heard.release()


# Without recovery of its own, it says in auth how far it has come: since. By itself it waits for a
# second to be let in, which is little on a busy machine.
client.connect(url, auth={"session_id": session}, wait_timeout=10)
answer = client.call("command:execute", {
    "command_type": "CreateNode", "data": {"blueprint_type_id": "phase", "name": "From Python"}})
print(f"answer {answer['success']} {answer['seq']}", flush=True)
for _ in ("created", "executed"):
    heard.acquire(timeout=10)
client.disconnect()
