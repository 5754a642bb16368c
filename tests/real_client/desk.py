"""A person at the desk: runs the console in a terminal of its own, approves the first proposal that it
shows (after DESK_THINK seconds), waits until its text was seen in the agent's log, and quits. Standard
library only: it runs beside the agent. Prints each state as it comes; exit code 1, with the last screen,
when one does not come."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

ROWS, COLUMNS = 40, 120
PATIENCE = float(os.environ.get("DESK_PATIENCE", "60"))
PART = re.compile(r"\x1b\[([0-9;?<>=]*)([ -/]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|([^\x1b])", re.S)


class Screen:
    """What the terminal shows: the little of a terminal that a program needs that places its text."""

    def __init__(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.rest = ""

    def take(self, text):
        text, self.rest = self.rest + text, ""
        end = 0
        for part in PART.finditer(text):
            if part.start() != end:
                break
            end = part.end()
            if part[4]:
                self.put(part[4])
            elif part[3]:
                self.control([int(n or 0) for n in re.split("[;?<>=]", part[1])], part[3])
        self.rest = text[end:]

    def control(self, numbers, what):
        first = numbers[0]
        if what in "Hf":
            self.row = max(first, 1) - 1
            self.column = max(numbers[1] if len(numbers) > 1 else 1, 1) - 1
        elif what == "A":
            self.row -= max(first, 1)
        elif what == "B":
            self.row += max(first, 1)
        elif what == "C":
            self.column += max(first, 1)
        elif what == "D":
            self.column -= max(first, 1)
        elif what == "G":
            self.column = max(first, 1) - 1
        elif what == "J":
            self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        elif what == "K" and 0 <= self.row < ROWS:
            for at in range(max(self.column, 0), COLUMNS):
                self.cells[self.row][at] = " "

    def put(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.row += 1
        elif char == "\b":
            self.column -= 1
        elif char >= " ":
            if 0 <= self.row < ROWS and 0 <= self.column < COLUMNS:
                self.cells[self.row][self.column] = char
            self.column += 1

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)


class Console:
    """The console in its terminal."""

    def __init__(self, command):
        self.screen, self.decoder = Screen(), codecs.getincrementaldecoder("utf-8")("replace")
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvp(command[0], command)
        self.open = True

    def press(self, keys):
        os.write(self.terminal, keys.encode())

    def look(self, seconds):
        """Takes what the console writes within so many seconds."""
        if not self.open:
            raise SystemExit(self.fail("the console has ended"))
        if select.select([self.terminal], [], [], seconds)[0]:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:
                data = b""
            self.open = bool(data)
            self.screen.take(self.decoder.decode(data))

    def until(self, what, keys="", seconds=PATIENCE):
        """Waits for a text on the screen; types the keys again and again until it is there."""
        end, again = time.monotonic() + seconds, 0.0
        while not any(one in self.screen.text() for one in what):
            now = time.monotonic()
            if now > end:
                raise SystemExit(self.fail(f"waited for {' or '.join(what)}"))
            if keys and now >= again:
                self.press(keys)
                again = now + 0.6
            self.look(0.05)
        print("seen:", next(one for one in what if one in self.screen.text()), flush=True)

    def fail(self, why):
        print(f"FAIL: {why}; the screen was:\n{self.screen.text()}", flush=True)
        return 1

    def quit(self):
        end = time.monotonic() + 5
        self.press("q")
        while self.open and time.monotonic() < end:
            self.look(0.1)
        if self.open:
            raise SystemExit(self.fail("q does not end it"))
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        if status != 0:
            raise SystemExit(self.fail(f"it ended with {status}"))


def main():
    # The agent may have ended before its log was read to the end: what is still to be seen is waited for.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    console = Console(sys.argv[1:] or ["medbay"])
    console.until(["waits for you", "wait for you"])
    console.press("3")
    console.until(["WILL SEND"])
    print(console.screen.text(), flush=True)
    decides = time.monotonic() + float(os.environ.get("DESK_THINK", "0"))
    while time.monotonic() < decides:
        console.look(0.1)
    console.until(["u to undo", "goes out with", "being delivered", "delivered ", "seen in the agent"], keys="a")
    console.press("6")
    console.until(["receipt"])
    console.press("\r")
    console.until([" in record "], seconds=20)
    print(console.screen.text(), flush=True)
    console.quit()
    print("desk: approved, delivered, confirmed", flush=True)


if __name__ == "__main__":
    main()
