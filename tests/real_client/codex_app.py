"""Codex behind its app server: starts the server with the command that its arguments are, at the socket where
Codex itself has it, gives it the task of the scenario beside this file, and ends when the turn has ended.
Standard library only: it runs in the agent's place."""

import base64
import json
import os
import socket
import struct
import subprocess
import sys
import time

PATIENCE = 90


class Connection:
    """WebSocket over a Unix socket, as far as JSON messages need it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.exactly(1)
        self.last = 0

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise SystemExit("the server closed the connection")
            data += piece
        return data

    def say(self, message):
        data, mask = json.dumps(message).encode(), os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def hear(self):
        data = b""
        while True:
            first, second = self.exactly(2)
            size = second & 127
            if size == 126:
                size = struct.unpack(">H", self.exactly(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.exactly(8))[0]
            piece = self.exactly(size)
            if first & 15 in (0, 1):
                data += piece
                if first & 128:
                    return json.loads(data)

    def ask(self, method, params):
        self.last += 1
        self.say({"id": self.last, "method": method, "params": params})
        while True:
            message = self.hear()
            if message.get("id") == self.last and "method" not in message:
                if "error" in message:
                    raise SystemExit(f"{method}: {message['error']}")
                return message["result"]


def main():
    command = sys.argv[1:]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenario.json")) as scenario:
        prompt = json.load(scenario)["prompt"]
    place = os.path.expanduser("~/.codex/app-server-control")
    os.makedirs(place, mode=0o700, exist_ok=True)
    path = place + "/app-server-control.sock"
    server = subprocess.Popen(command + ["app-server", "--listen", "unix://" + path])
    end = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        if server.poll() is not None or time.monotonic() > end:
            raise SystemExit("the server did not start")
        time.sleep(0.05)
    agent = Connection(path)
    agent.ask("initialize", {"clientInfo": {"name": "task", "version": "1"}, "capabilities": {"experimentalApi": True}})
    agent.say({"method": "initialized"})
    thread = agent.ask("thread/start", {"cwd": os.getcwd()})["thread"]["id"]
    agent.ask("turn/start", {"threadId": thread, "input": [{"type": "text", "text": prompt, "text_elements": []}]})
    while agent.hear().get("method") != "turn/completed":
        pass
    # What was said of the turn is read before its program goes.
    time.sleep(float(os.environ.get("CODEX_APP_STAY", "3")))
    server.terminate()
    server.wait()


main()
