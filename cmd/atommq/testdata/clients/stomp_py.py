# Works on a queue and a topic with stomp.py, a client that nobody here wrote.
# usage: stomp_py.py HOST PORT VERSION [CERTIFICATE], with which it speaks TLS
import queue
import sys
import time

import stomp

host, port, version = sys.argv[1], int(sys.argv[2]), sys.argv[3]
WAIT = 30  # seconds for what must come
done = 0


def check(what, ok):
    global done
    assert ok, what
    done += 1


class Inbox(stomp.ConnectionListener):
    """Keeps what the server sends."""

    def __init__(self):
        self.messages, self.receipts, self.beats, self.gone = queue.Queue(), queue.Queue(), queue.Queue(), queue.Queue()

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_heartbeat(self):
        self.beats.put(time.monotonic())

    def on_disconnected(self):
        self.gone.put(True)

    def on_error(self, frame):
        print("ERROR", frame.headers, frame.body, file=sys.stderr)

    def message(self):
        return self.messages.get(timeout=WAIT)


kinds = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}
options = {} if version == "1.0" else {"heartbeats": (500, 500)}
connection = kinds[version]([(host, port)], **options)
if len(sys.argv) > 4:
    connection.set_ssl([(host, port)], ca_certs=sys.argv[4])
inbox = Inbox()
connection.set_listener("inbox", inbox)
connection.connect("me", "secret", wait=True)
check("connected", connection.is_connected())


def ack(m, **more):
    if version == "1.0":
        connection.ack(m.headers["message-id"], **more)
    elif version == "1.1":
        connection.ack(m.headers["message-id"], m.headers["subscription"], **more)
    else:
        connection.ack(m.headers["ack"], **more)


def nack(m):
    if version == "1.1":
        connection.nack(m.headers["message-id"], m.headers["subscription"])
    else:
        connection.nack(m.headers["ack"])


def receipt(wanted):
    check("receipt", inbox.receipts.get(timeout=WAIT) == wanted)


orders = "/queue/python orders " + version
connection.subscribe(orders, id="1", ack="client-individual", headers={"prefetch": "10", "receipt": "subscribed"})
receipt("subscribed")
for i in range(3):
    connection.send(orders, f"größe {i}", content_type="text/plain", headers={"n": str(i), "path": "a:b", "receipt": f"sent {i}"})
    receipt(f"sent {i}")
got = [inbox.message() for _ in range(3)]
check("order", [m.body for m in got] == ["größe 0", "größe 1", "größe 2"])
check("headers", [m.headers["n"] for m in got] == ["0", "1", "2"] and got[0].headers["path"] == "a:b")
check("content type", got[0].headers["content-type"] == "text/plain")
check("destination", got[0].headers["destination"] == orders)

if version != "1.0":
    nack(got[1])
    again = inbox.message()
    check("redelivered", again.body == "größe 1" and again.headers["redelivered"] == "true")
    check("same message-id", again.headers["message-id"] == got[1].headers["message-id"])
    got[1] = again
for i, m in enumerate(got):
    ack(m, receipt=f"acked {i}")
    receipt(f"acked {i}")

thrown = connection.begin()
connection.send(orders, "never", transaction=thrown)
connection.abort(thrown)
kept = connection.begin()
for i in range(2):
    connection.send(orders, f"together {i}", transaction=kept)
connection.commit(kept, receipt="committed")
receipt("committed")
pair = [inbox.message() for _ in range(2)]
check("transaction", [m.body for m in pair] == ["together 0", "together 1"])
settled = connection.begin()
for m in pair:
    ack(m, transaction=settled)
connection.commit(settled, receipt="settled")
receipt("settled")

connection.subscribe("/topic/python news", id="2", ack="auto", headers={"receipt": "following"})
receipt("following")
connection.send("/topic/python news", "extra", headers={"title": "Extra"})
news = inbox.message()
check("topic", news.body == "extra" and news.headers["title"] == "Extra" and int(news.headers["Xlastid"]) > 0)
connection.unsubscribe("2")

if version != "1.0":
    check("heart-beat", inbox.beats.get(timeout=WAIT) and inbox.beats.get(timeout=WAIT))
connection.disconnect(receipt="bye")
receipt("bye")
check("disconnected", inbox.gone.get(timeout=WAIT))
check("nothing else came", inbox.messages.empty())
print(done, "checks")
