#!/usr/bin/python3
"""Ask graphd one thing: ask.py ENDPOINT COMMAND [SESSION [ARGUMENTS]]

A reply longer than one message (a big graph) comes in parts, for which a DEALER socket is needed.
"""
import sys
import zmq

endpoint, command, session, arguments = (sys.argv[1:] + ["", "{}"])[:4]
ask = zmq.Context().socket(zmq.REQ)
ask.connect(endpoint)
caller = '{"actor":"ask.py","minimal":true}'
ask.send_multipart([f.encode() for f in ("GRAPH/1", "1", command, session, caller, arguments)])
protocol, request_id, status, *body = ask.recv_multipart()
print(status.decode(), b"".join(body).decode())
