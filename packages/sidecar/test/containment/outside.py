"""Everybody outside: a name server whose answers change, web servers, and peers that connect in."""
import socket
import struct
import threading

QUIET_S = 2
answers = {}
questions = []
requests = []


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve_dns(address):
    s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.bind((address, 53))

    def loop():
        while True:
            query, peer = s.recvfrom(4096)
            try:
                name, kind, end = question_of(query)
            except (IndexError, struct.error):
                continue  # the agent got through, which the frames show
            questions.append(f"{name} {kind}")
            wanted = [a for a in answers.get(name, []) if (28 if ":" in a else 1) == kind]
            code = 0 if name in answers else 3
            header = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(wanted), 0, 0)
            body = b"".join(
                b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(packed)) + packed
                for packed in (socket.inet_pton(family_of(a), a) for a in wanted)
            )
            s.sendto(header + query[12:end] + body, peer)

    threading.Thread(target=loop, daemon=True).start()


def question_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0], at + 5


def answer(name, addresses):
    answers[name] = addresses


def asked():
    seen = list(questions)
    questions.clear()
    return seen


def serve_http(address, port, resets=False):
    """Says `outside` to every request and keeps the first line of it; or resets the connection, once it has a request."""
    s = socket.socket(family_of(address), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(4096)

    def loop():
        while True:
            connection, _ = s.accept()
            threading.Thread(target=respond, args=(connection, resets), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def respond(connection, resets):
    with connection:
        while head := connection.recv(65536):
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            requests.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\noutside")


def requested():
    seen = list(requests)
    requests.clear()
    return seen


fresh = 0


def fresh_label():
    """A name that nobody has asked for yet."""
    global fresh
    fresh += 1
    return f"n{fresh}"
