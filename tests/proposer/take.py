"""A person at the desk who takes what a model wrote: runs the console in a terminal of its own, waits for
the proposal and for the model's words beside it, takes them into the editor and sends them. Where the words
were refused for what they are, the template is approved instead. Exit code 1, with the last screen, when
neither comes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "real_client"))
from desk import Console  # noqa: E402

# Why a template stands although the model answered.
ANSWERED = ["cut off at", "wrote nothing: the model wrote", "would read as", "control character", "bytes; at most"]
SENT = ["goes out with", "approved", "Nothing waits for you"]


def main():
    console = Console(sys.argv[1:])
    console.until(["waits for you", "wait for you"])
    console.press("3")
    console.until(["WILL SEND"])
    print("the template stands while the model writes:", flush=True)
    print(console.screen.text(), flush=True)
    console.until(["wrote, as an alternative", "wrote nothing"], keys="J", seconds=400)
    print(console.screen.text(), flush=True)
    if "wrote, as an alternative" in console.screen.text():
        console.until(["C-s"], keys="m", seconds=20)
        console.until(SENT, keys="\x13", seconds=20)
        print("desk: the model's words were sent", flush=True)
    elif any(why in console.screen.text() for why in ANSWERED):
        console.until(SENT, keys="a", seconds=20)
        print("desk: the model's words were refused, the template was sent", flush=True)
    else:
        raise SystemExit(console.fail("the server did not answer"))
    console.quit()


main()
