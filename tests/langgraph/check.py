"""check.py MEDBAY PLACE: a LangChain agent with the human-in-the-loop middleware over a scripted model; each
interrupt is asked at medbay's gate, and a person decides with keys in the console. See run.sh."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import version

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

medbay, place = sys.argv[1:]
state = os.path.join(place, "state")
sock = os.path.join(state, "medbay", "medbay.sock")
done = []


@tool
def refund(order: str, euros: int) -> str:
    """Refund an order."""
    done.append((order, euros))
    return f"refunded {euros} for {order}"


class Scripted(BaseChatModel):
    """Asks for one refund, then says what came of it."""

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        last = messages[-1]
        if isinstance(last, ToolMessage):
            said = AIMessage("It came to this: " + str(last.content))
        else:
            call = {"name": "refund", "args": {"order": "A17", "euros": 120}, "id": "call-1"}
            said = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=said)])


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sock)


def gate(run, interrupt):
    """The whole of what an agent needs: the interrupt's value is the body, the answer the resume value."""
    asked = Unix("localhost")
    asked.request("POST", f"/v1/gate?run={run}&id={interrupt.id}", json.dumps(interrupt.value))
    answer = asked.getresponse()
    body = answer.read()
    assert answer.status == 200, (answer.status, body)
    return json.loads(body)


def tmux(*words):
    run = subprocess.run(["tmux", "-L", server, *words], capture_output=True, text=True)
    return run.stdout


def screen():
    return tmux("capture-pane", "-p", "-t", "s")


def until(words, what, patience=60):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        now = screen()
        if words(now):
            return now
        time.sleep(0.1)
    sys.exit(f"never: {what}\n{screen()}")


def keys(*names):
    for name in names:
        tmux("send-keys", "-t", "s", *([name] if not name.startswith("=") else ["-l", "--", name[1:]]))
        time.sleep(0.4)


def approve():
    keys("a")
    time.sleep(1)
    if "y/n" in screen() or "(y" in screen() or " y " in screen():
        keys("y")


def edit():
    # The cursor stands at the start: both lines are taken out and written anew.
    keys("e", "C-k", "Delete", "C-k", "=approve", "Enter", '={"name":"refund","args":{"order":"A17","euros":20}}', "C-s")
    time.sleep(1)
    if "y/n" in screen() or "(y" in screen() or " y " in screen():
        keys("y")


def refuse():
    keys("v", "=ask the customer first", "Enter")


def one(what, decide):
    agent = create_agent(
        Scripted(),
        [refund],
        middleware=[HumanInTheLoopMiddleware(interrupt_on={"refund": True})],
        checkpointer=InMemorySaver(),
    )
    thread = {"configurable": {"thread_id": what}}
    done.clear()
    [interrupt] = agent.invoke({"messages": [("user", "Refund A17.")]}, thread)["__interrupt__"]
    assert not done, "it acted before it was answered"
    answer = []
    asking = threading.Thread(target=lambda: answer.append(gate(f"langgraph-{what}", interrupt)))
    asking.start()
    until(lambda now: "asks before it acts" in now and "1 waiting" in now, "the request on the desk")
    time.sleep(1)
    decide()
    asking.join(90)
    assert answer, "no answer came\n" + screen()
    last = agent.invoke(Command(resume=answer[0]), thread)["messages"][-1].content
    print(f"{what}: {json.dumps(answer[0])} -> {last!r}, done {done}")
    until(lambda now: "1 waiting" not in now, "the desk is empty again")
    return list(done), last


server = "medbay-langgraph-%d" % os.getpid()
os.makedirs(os.path.join(place, "config", "medbay"))
os.makedirs(os.path.join(place, "logs"))
with open(os.path.join(place, "config", "medbay", "config.toml"), "w") as out:
    out.write("grace_seconds = 1\n")
env = ["env", "HOME=" + place, "XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + os.path.join(place, "config"),
       "XDG_DATA_HOME=" + os.path.join(place, "data"), medbay, os.path.join(place, "logs")]
tmux("-f", "/dev/null", "new-session", "-d", "-s", "s", "-x", "120", "-y", "40", *env)
try:
    until(lambda now: os.path.exists(sock), "the console serves")
    keys("3")
    assert one("approve", approve) == ([("A17", 120)], "It came to this: refunded 120 for A17")
    acted, last = one("edit", edit)
    # The middleware tells the model before the result that its call was replaced.
    assert acted == [("A17", 20)] and last.endswith("refunded 20 for A17"), (acted, last)
    acted, last = one("reject", refuse)
    assert acted == [] and "ask the customer first" in last, (acted, last)
    print("ok: approve, edit and reject, langchain", version("langchain"), "langgraph", version("langgraph"))
finally:
    tmux("kill-server")
