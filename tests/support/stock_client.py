"""The stock Python client under remote control, as stock_client.mjs is the JavaScript one. It runs
each event in a thread of its own: the order of the lines is not the order on the wire."""

import json
import sys
import threading

import socketio

EVENTS = json.loads(sys.argv[1])
clients = {}
writing = threading.Lock()


def tell(client, what, **more):
    with writing:
        sys.stdout.write(json.dumps({"client": client, "what": what, **more}) + "\n")
        sys.stdout.flush()


def fill(value, data):
    """"$data" stands for what was asked, "$bytes" for bytes."""
    if value == "$bytes":
        return bytes([0, 1, 254, 255])
    return data if value == "$data" else value


class Stock:
    def __init__(self, command):
        self.name = command["client"]
        self.namespace = command.get("namespace", "/")
        self.seq = command.get("since", 0)
        self.sio = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.2,
                                   handle_sigint=False)
        on = self.sio.on
        on("connect", self.connected, self.namespace)
        on("connect_error", self.refused, self.namespace)
        on("disconnect", lambda: tell(self.name, "disconnect"), self.namespace)
        for event in EVENTS:
            on(event, self.handler(event), self.namespace)
        for event, args in command.get("answers", {}).items():
            on(event, self.answerer(event, args), self.namespace)
        threading.Thread(target=self.connect, args=(command,), daemon=True).start()

    def connect(self, command):
        auth = command.get("auth")
        if command.get("resumes"):
            # The same object is sent again at each reconnect.
            self.auth = auth = dict(auth, since=self.seq)
        transports = command.get("options", {}).get("transports")
        try:
            self.sio.connect(command["url"], auth=auth, transports=transports,
                             namespaces=[self.namespace])
        except socketio.exceptions.ConnectionError:
            pass

    def connected(self):
        tell(self.name, "connect", id=self.sio.get_sid(self.namespace), recovered=False,
             transport=self.sio.transport())

    def refused(self, data=None):
        if isinstance(data, dict):
            tell(self.name, "connect_error", message=data.get("message"), data=data.get("data"))
        else:
            tell(self.name, "connect_error", message=str(data), data=None)

    def handler(self, event):
        def heard(*args):
            if args and isinstance(args[0], dict) and args[0].get("seq", 0) > self.seq:
                self.seq = args[0]["seq"]
                if hasattr(self, "auth"):
                    self.auth["since"] = self.seq
            tell(self.name, "event", event=event, args=list(args))
        return heard

    def answerer(self, event, args):
        """What it says to what it is asked: one value, or a tuple of them."""
        def asked(data):
            tell(self.name, "event", event=event, args=[data])
            values = tuple(fill(value, data) for value in args)
            return values[0] if len(values) == 1 else values
        return asked

    def emit(self, event, args, ack=None):
        callback = None
        if ack is not None:
            def callback(*heard):
                tell(self.name, "ack", ack=ack, args=list(heard))
        self.sio.emit(event, tuple(args), namespace=self.namespace, callback=callback)


def main():
    for line in sys.stdin:
        command = json.loads(line)
        do, name = command["do"], command["client"]
        if do == "open":
            clients[name] = Stock(command)
        elif do == "emit":
            clients[name].emit(command["event"], command["args"], command.get("ack"))
        elif do == "close" and name in clients:
            clients.pop(name).sio.disconnect()


main()
