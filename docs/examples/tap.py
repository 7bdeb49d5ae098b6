#!/usr/bin/python3
"""Hear what happens in a session: tap.py ENDPOINT SESSION. What is missing, ListEvents has."""
import sys
import zmq

endpoint, session = sys.argv[1:]
tap = zmq.Context().socket(zmq.SUB)
tap.connect(endpoint)
tap.subscribe(f"session_{session}/")  # the slash: topics are byte prefixes
while True:
    topic, header, body = tap.recv_multipart()
    print(topic.decode().partition("/")[2], body.decode(), flush=True)
